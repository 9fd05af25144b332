import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Cli } from '../cli.ts';
import { CommandRefusal } from '../refusals.ts';

/** Name of the variable in which codex finds its key: never an argument, which every user of the machine can read. */
export const KEY_VARIABLE = 'SWITCHYARD_RUN_KEY';

/**
 * The codex program: the one that `PROXY_CODEX_BIN` names, else the first on PATH.
 * @throws CommandRefusal `codex_missing`
 */
export function findCodexProgram(env: Cli['env']): string {
  const named = env['PROXY_CODEX_BIN'] ?? '';
  if (named !== '') {
    if (isProgram(named)) return named;
    throw new CommandRefusal(
      'codex_missing',
      `PROXY_CODEX_BIN names no program that can be run: ${named}.`,
      'Point it at codex, or unset it to use the one on PATH.',
    );
  }
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, 'codex')).find(isProgram);
  if (found !== undefined) return found;
  throw new CommandRefusal('codex_missing', 'There is no codex on PATH.', 'Install it (npm install --global @openai/codex), or point PROXY_CODEX_BIN at it.');
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** With which credential codex comes: the key of a gateway alone, or a ChatGPT login of its own beside that. */
type CodexCredential = 'key' | 'chatgpt';

/**
 * The arguments that wire codex to a gateway for one run, in front of its user's own. They go before what its configuration says, and
 * nothing is written there (codex-protocol section 7.1).
 */
export function codexArguments(address: string, credential: CodexCredential, own: readonly string[]): string[] {
  const { name, ...told } = CREDENTIALS[credential];
  const provider = {
    name,
    base_url: JSON.stringify(`${address}/v1`),
    ...told,
    wire_api: '"responses"',
    supports_websockets: 'true',
  };
  const table = Object.entries(provider).map(([key, value]) => `${key}=${value}`);
  return ['-c', 'model_provider="switchyard"', '-c', `model_providers.switchyard={${table.join(', ')}}`, ...own];
}

/** Codex is as with ChatGPT itself only under that name; the key then goes in a header of its own (docs/codex.md). */
const CREDENTIALS: Readonly<Record<CodexCredential, Readonly<Record<string, string>> & { readonly name: string }>> = {
  key: { name: '"Switchyard"', env_key: JSON.stringify(KEY_VARIABLE) },
  chatgpt: { name: '"OpenAI"', requires_openai_auth: 'true', env_http_headers: `{x-switchyard-key=${JSON.stringify(KEY_VARIABLE)}}` },
};
