import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { loadConfig } from '@switchyard/config';
import { SwitchyardError } from '@switchyard/contracts';
import { newDataKey } from '@switchyard/security';
import type { Cli } from '../cli.ts';
import { KEY_VARIABLE, codexArguments, findCodexProgram } from '../codex/codex-program.ts';
import { joinServer } from '../codex/join-server.ts';
import { keepRunKey, readRunKey } from '../codex/run-key.ts';
import { useServer } from '../codex/server-users.ts';
import { openOperations } from '../operations/open-operations.ts';

const KEY_NAME = 'codex-cli';
/** A run that has made a key keeps it at once; one that is not kept after two seconds is lost. */
const KEEP_LOOKS = 20;
const KEEP_PAUSE_MS = 100;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * `switchyard run codex`: runs codex with its own arguments against the gateway of this home, which is started when none runs. Codex's own
 * configuration is not touched: what it needs to know it is told on its command line, and its key by its environment. With `chatgpt` it stays
 * signed in as it is, and shows its user what it shows with ChatGPT.
 * @returns the exit code of codex; 128 and the number of the signal that ended it
 */
export async function runCodex(own: readonly string[], { chatgpt }: { readonly chatgpt?: true }, cli: Cli): Promise<number> {
  const program = findCodexProgram(cli.env);
  const { config, warnings } = loadConfig({ env: cli.env, absentSecrets: true });
  for (const warning of warnings) cli.err.write(`warning: ${warning}\n`);
  using _use = useServer(config.home);
  const kept = readRunKey(config.home);
  const proposed = kept ?? newDataKey();
  const address = await joinServer(config.home, proposed, cli);
  const key = await usableKey(config.home, address, proposed, kept, cli);
  return await runProgram(program, codexArguments(address, chatgpt ? 'chatgpt' : 'key', own), { ...cli.env, [KEY_VARIABLE]: key }, cli);
}

/** A key that the server takes: the one of the runs before, else a new one. */
async function usableKey(home: string, address: string, proposed: string, kept: string | null, cli: Cli): Promise<string> {
  if (await isTaken(address, proposed)) return kept ?? keepRunKey(home, proposed, null);
  await using operations = await openOperations(cli);
  for (;;) {
    const named = (await operations.listKeys()).find(({ name, revoked_at: revoked }) => name === KEY_NAME && revoked === null);
    // Another run may have been first, or be about to keep the key that it has made.
    const other = await keyOfAnother(home, address, proposed, named === undefined ? 1 : KEEP_LOOKS);
    if (other !== null) return other;
    try {
      // One of that name whose text is lost is of no use to anybody.
      if (named !== undefined) await operations.revokeKey(named.id);
      const { key } = await operations.createKey({ name: KEY_NAME });
      return keepRunKey(home, key, kept);
    } catch (error) {
      // Another run has revoked the lost one, or made the new one, in between.
      if (!(error instanceof SwitchyardError) || (error.code !== 'name_taken' && error.code !== 'not_found')) throw error;
    }
  }
}

/** The kept key, once the server takes it, when it is not the one that was tried; null when it does not come to be. */
async function keyOfAnother(home: string, address: string, tried: string, looks: number): Promise<string | null> {
  for (let left = looks; ; left--) {
    const other = readRunKey(home);
    if (other !== null && other !== tried && (await isTaken(address, other))) return other;
    if (left <= 1) return null;
    await sleep(KEEP_PAUSE_MS);
  }
}

async function isTaken(address: string, key: string): Promise<boolean> {
  const answer = await fetch(new URL('/v1/models', address), { headers: { authorization: `Bearer ${key}` } });
  await answer.body?.cancel();
  return answer.ok;
}

/** Runs a program in this one's place: same terminal, signals passed on, its exit code for ours. */
async function runProgram(program: string, args: readonly string[], env: Cli['env'], { signals }: Cli): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const passOn = (signal: NodeJS.Signals): void => {
    // A terminal has told codex as well.
    if (signal !== 'SIGINT' || !isatty(0)) child.kill(signal);
  };
  // Before it runs, so that none comes in between.
  for (const signal of SIGNALS) signals.on(signal, passOn);
  const child = spawn(program, args, { env, stdio: 'inherit' });
  child.once('error', reject);
  child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  try {
    return await promise;
  } finally {
    for (const signal of SIGNALS) signals.off(signal, passOn);
  }
}
