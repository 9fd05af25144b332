import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCodexLogin } from '@switchyard/contracts';
import type { CodexLogin } from '@switchyard/contracts';
import type { NewAccount } from '@switchyard/contracts/api';
import type { Cli } from '../cli.ts';
import { codexHomeOf } from '../codex/codex-home.ts';
import { openOperations } from '../operations/open-operations.ts';
import { CommandRefusal, UsageError } from '../refusals.ts';
import { modelsText, plural } from '../render/words.ts';

export interface AddAccountOptions {
  readonly name: string;
  readonly kind: NewAccount['kind'];
  readonly baseUrl?: string;
  readonly keyEnv?: string;
  readonly keyStdin?: true;
  readonly models?: readonly string[];
  readonly priority: number;
  readonly maxInFlight?: number;
  readonly softInFlight?: number;
  readonly reservePercent?: number;
  /** Pairs `ours=theirs`. */
  readonly map: readonly string[];
  readonly organization?: string;
  readonly project?: string;
  /** Lines `Name: value`. */
  readonly header: readonly string[];
  readonly websocket?: boolean;
  readonly codexHome?: string;
  readonly tokenUrl?: string;
  readonly json?: true;
}

/** Where accounts of these kinds are, unless somebody says otherwise. */
const BASE_URLS: Partial<Readonly<Record<NewAccount['kind'], string>>> = {
  openai: 'https://api.openai.com/v1',
  chatgpt: 'https://chatgpt.com/backend-api/codex',
};

/** `switchyard accounts add`. Secrets are read here, so that neither the server's environment nor the process list ever holds them. */
export async function addAccount(options: AddAccountOptions, cli: Cli): Promise<number> {
  const draft = await readDraft(options, cli);
  await using operations = await openOperations(cli);
  const account = await operations.addAccount(draft);
  if (options.json) cli.out.write(`${JSON.stringify(account)}\n`);
  else
    cli.out.write(
      `Added ${account.name} (${account.kind}, ${account.base_url}) with ${plural(account.models.length, 'model')}: ${modelsText(account.models)}.\n` +
        'The next request can use it.\n',
    );
  return 0;
}

/**
 * The account that the options describe.
 * @throws UsageError, CommandRefusal `key_missing`; neither holds a secret
 */
export async function readDraft(options: AddAccountOptions, { env, input }: Pick<Cli, 'env' | 'input'>): Promise<NewAccount> {
  const { name, kind, priority, organization, project, models } = options;
  const baseUrl = options.baseUrl ?? BASE_URLS[kind];
  if (baseUrl === undefined) throw new UsageError(`An account of kind ${kind} needs its address: add --base-url http://HOST:PORT/v1.`);
  if (kind === 'openai' && options.keyEnv === undefined && options.keyStdin === undefined)
    throw new UsageError(
      'An account of kind openai needs its key: put it in an environment variable and name that with --key-env, or pipe it in with --key-stdin.',
    );
  if (kind !== 'chatgpt' && (options.codexHome ?? options.tokenUrl) !== undefined)
    throw new UsageError('--codex-home and --token-url are for accounts of kind chatgpt: add --kind chatgpt.');
  if (kind === 'chatgpt' && (options.keyEnv !== undefined || options.keyStdin))
    throw new UsageError('An account of kind chatgpt has a login in place of a key: leave --key-env and --key-stdin out.');
  const headers = readHeaders(options.header, env);
  const modelMap = readMap(options.map);
  const credential = options.keyStdin ? await keyFromInput(input) : options.keyEnv === undefined ? undefined : variable(options.keyEnv, env);
  return {
    name,
    kind,
    base_url: baseUrl,
    priority,
    ...(credential === undefined ? {} : { credential }),
    ...(models === undefined ? {} : { models: [...models] }),
    ...(options.maxInFlight === undefined ? {} : { max_in_flight: options.maxInFlight }),
    ...(options.softInFlight === undefined ? {} : { soft_in_flight: options.softInFlight }),
    ...(options.reservePercent === undefined ? {} : { reserve_percent: options.reservePercent }),
    ...(Object.keys(modelMap).length === 0 ? {} : { model_map: modelMap }),
    ...(organization === undefined ? {} : { organization }),
    ...(project === undefined ? {} : { project }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(options.websocket === undefined ? {} : { websocket: options.websocket }),
    ...(kind === 'chatgpt' ? readLogin(options, env) : {}),
  };
}

/** The login of a Codex home: the one that is named, or else the one that codex itself would use. */
function readLogin({ codexHome, tokenUrl }: AddAccountOptions, env: Cli['env']): Pick<NewAccount, 'login' | 'codex_home' | 'token_url'> {
  const home = codexHomeOf(env, codexHome);
  return { login: { ...loginIn(home) }, codex_home: home, ...(tokenUrl === undefined ? {} : { token_url: tokenUrl }) };
}

function loginIn(home: string): CodexLogin {
  const path = join(home, 'auth.json');
  try {
    return parseCodexLogin(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new CommandRefusal(
        'no_login',
        `There is no ${path}.`,
        `Sign in there first (CODEX_HOME=${home} codex login), or name another Codex home with --codex-home.`,
        error,
      );
    if (code === 'EACCES' || code === 'EISDIR')
      throw new CommandRefusal('file_unreadable', `${path} cannot be read (${code}).`, 'Check its permissions.', error);
    throw error;
  }
}

function variable(name: string, env: Cli['env']): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  // Someone may have written the key itself where its variable belongs: then it must not be repeated.
  const said = /^[A-Z_][A-Z0-9_]{0,63}$/.test(name) ? `The environment variable ${name}` : 'What --key-env or --header names';
  throw new CommandRefusal(
    'key_missing',
    value === '' ? `${said} is empty.` : `${said} is not set.`,
    'Set it in this shell and export it (export NAME=…), then run the command again.',
  );
}

async function keyFromInput(input: Cli['input']): Promise<string> {
  if (input.isTTY === true)
    throw new UsageError('--key-stdin reads the key from a pipe, so that it does not show on the screen: `pass show openai | switchyard accounts add …`.');
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  const key = Buffer.concat(chunks).toString().trim();
  if (key === '') throw new CommandRefusal('key_missing', 'Standard input held no key.', 'Pipe the key into this command.');
  return key;
}

function readMap(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [ours, theirs, more] = pair.split('=').map((part) => part.trim());
      if (!ours || !theirs || more !== undefined) throw new UsageError('--map must be written as OURS=THEIRS, two names of a model.');
      return [ours, theirs];
    }),
  );
}

function readHeaders(lines: readonly string[], env: Cli['env']): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new UsageError("--header must be written as 'Name: value', with the quotes.");
    const value = line.slice(colon + 1).trim();
    headers[line.slice(0, colon).trim().toLowerCase()] = value.startsWith('env:') ? variable(value.slice('env:'.length), env) : value;
  }
  return headers;
}
