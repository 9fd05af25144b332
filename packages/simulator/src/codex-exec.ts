import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identityOf } from './chatgpt/logins.ts';
import { unsignedJwt } from './chatgpt/unsigned-jwt.ts';
import { stringOr } from './json.ts';

export interface CodexRun {
  /** The codex program. */
  readonly bin: string;
  /** An empty folder of the run's own: CODEX_HOME, HOME, TMPDIR and the working folder are made in it. Use it again to resume. */
  readonly home: string;
  /** The provider's base, `/v1` included. */
  readonly baseUrl: string;
  readonly key: string;
  /** Uses a ChatGPT login in place of the key, as the CLI does that nobody has configured (codex-protocol 8). */
  readonly login?: CodexLogin;
  /** `env` unless said otherwise. With `command` codex also asks for the models (codex-protocol 4). */
  readonly keyBy?: 'env' | 'command';
  readonly prompt: string;
  readonly model?: string;
  /** Continues this thread. */
  readonly resume?: string;
  /** More arguments for `codex exec`. */
  readonly args?: readonly string[];
  /** Whether codex tries a WebSocket first, as it does with the built-in provider. */
  readonly websockets?: boolean;
  /** More lines for the top of `config.toml`. */
  readonly config?: readonly string[];
  /** More lines for the provider's table. */
  readonly provider?: readonly string[];
  /** Retries that codex makes itself: none unless said otherwise, so that a failure shows at once. */
  readonly retries?: number;
  /** More environment variables, such as a proxy that must stay unused. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A ChatGPT login, and where codex takes it. */
export interface CodexLogin {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly accountId: string;
  /** Where it asks for what is not the model: an address that ends in `/backend-api`. */
  readonly backendUrl: string;
  /** Where it renews its tokens. */
  readonly tokenUrl: string;
}

/** One line of `codex exec --json` (codex-protocol 9). */
export interface CodexEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface CodexResult {
  /** 0: the turn completed; 1: it failed; null: ended by a signal. */
  readonly code: number | null;
  readonly events: readonly CodexEvent[];
  readonly threadId: string;
  /** The texts of all agent messages. */
  readonly messages: readonly string[];
  /** The commands that ran. */
  readonly commands: readonly { readonly command: string; readonly output: string; readonly exitCode: number | null }[];
  readonly stderr: string;
}

/**
 * Runs the real `codex exec --json` once against a provider at `baseUrl`, with no other traffic (codex-protocol 7.2) and nothing of
 * the user's own: a fresh environment, home and configuration. Commands that the model asks for are really run, without a sandbox of
 * codex's own, because a container may have none to offer: use it only against a simulator.
 */
export async function runCodex(run: CodexRun): Promise<CodexResult> {
  const folders = { codex: join(run.home, 'codex'), user: join(run.home, 'user'), tmp: join(run.home, 'tmp'), work: join(run.home, 'work') };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  await writeFile(join(folders.codex, 'config.toml'), configFor(run), { mode: 0o600 });
  if (run.login !== undefined) await writeLogin(join(folders.codex, 'auth.json'), run.login);
  const resume = run.resume === undefined ? [] : ['resume', run.resume];
  const args = ['exec', '--json', '--skip-git-repo-check', '--sandbox', 'danger-full-access', '--cd', folders.work, ...(run.args ?? []), ...resume, run.prompt];
  const env = {
    PATH: process.env['PATH'],
    HOME: folders.user,
    TMPDIR: folders.tmp,
    CODEX_HOME: folders.codex,
    SIMULATED_KEY: run.key,
    ...renewingAt(run.login),
    ...run.env,
  };
  const child = spawn(run.bin, args, {
    cwd: folders.work,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', (error) => (run.signal?.aborted === true ? undefined : reject(error)));
  child.once('close', resolve);
  const code = await promise;
  return { code, stderr, ...told(stdout) };
}

/** What a login leaves behind (codex-protocol 8.1). One that is there already may have been renewed, and stays. */
export async function writeLogin(path: string, { accessToken, refreshToken, accountId }: Omit<CodexLogin, 'backendUrl' | 'tokenUrl'>): Promise<void> {
  const tokens = { id_token: unsignedJwt(identityOf(accountId)), access_token: accessToken, refresh_token: refreshToken, account_id: accountId };
  const login = { auth_mode: 'chatgpt', OPENAI_API_KEY: null, tokens, last_refresh: new Date().toISOString() };
  await writeFile(path, JSON.stringify(login), { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

function renewingAt(login: CodexLogin | undefined): Record<string, string> {
  return login === undefined ? {} : { CODEX_REFRESH_TOKEN_URL_OVERRIDE: login.tokenUrl };
}

function told(stdout: string): Omit<CodexResult, 'code' | 'stderr'> {
  const events = stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as CodexEvent);
  const items = events.filter(({ type }) => type === 'item.completed').map((event) => event['item'] as CodexEvent);
  return {
    events,
    threadId: stringOr(events.find(({ type }) => type === 'thread.started')?.['thread_id'], ''),
    messages: items.filter(({ type }) => type === 'agent_message').map((item) => String(item['text'])),
    commands: items
      .filter(({ type }) => type === 'command_execution')
      .map((item) => ({ command: String(item['command']), output: String(item['aggregated_output']), exitCode: item['exit_code'] as number | null })),
  };
}

/** Silent and isolated, with the shell tool left on (codex-protocol 7.1 and 7.2). */
function configFor({ baseUrl, login, keyBy = 'env', model = 'gpt-5.5', retries = 0, config = [], provider = [], websockets = false }: CodexRun): string {
  const byKey = keyBy === 'env' ? 'env_key = "SIMULATED_KEY"' : 'auth = { command = "/bin/sh", args = ["-c", "echo $SIMULATED_KEY"] }';
  return [
    `model = ${JSON.stringify(model)}`,
    'model_provider = "simulated"',
    'approval_policy = "never"',
    'web_search = "disabled"',
    'project_doc_max_bytes = 0',
    'check_for_update_on_startup = false',
    ...(login === undefined ? [] : [`chatgpt_base_url = ${JSON.stringify(login.backendUrl)}`]),
    ...config,
    '[model_providers.simulated]',
    // Only a provider of this very name gets what codex has for OpenAI: compressed bodies, its own compaction (codex-protocol 7.1).
    `name = ${login === undefined ? '"Simulated"' : '"OpenAI"'}`,
    `base_url = ${JSON.stringify(baseUrl)}`,
    login === undefined ? byKey : 'requires_openai_auth = true',
    'wire_api = "responses"',
    `supports_websockets = ${websockets}`,
    `request_max_retries = ${retries}`,
    `stream_max_retries = ${retries}`,
    ...provider,
    '[analytics]',
    'enabled = false',
    '[feedback]',
    'enabled = false',
    '[history]',
    'persistence = "none"',
    '[agents]',
    'enabled = false',
    '[skills]',
    'include_instructions = false',
    'bundled = { enabled = false }',
    '[features]',
    'view_image = false',
    'image_generation = false',
    'plugins = false',
    'apps = false',
    'goals = false',
    'hooks = false',
    'tool_suggest = false',
    'skill_search = false',
    'shell_snapshot = false',
    'unbounded_connection_retries = false',
    '',
  ].join('\n');
}
