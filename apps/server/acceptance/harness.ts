import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Acceptance looks at the product from outside: processes, HTTP and files. Nothing of the product's own code is imported.

const MAIN = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
export const KEY = 'sk-test-bootstrap-not-a-secret';

export type Env = Readonly<Record<string, string>>;

/** The environment of a child: what programs need to run, and nothing that could steer Switchyard by accident. */
function childEnv(env: Env): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'LANG', 'TMPDIR', 'CI', 'NODE_COMPILE_CACHE']) if (process.env[name] !== undefined) kept[name] = process.env[name];
  return { ...kept, ...env };
}

/** A child process that says `ready http://…` on stdout when it can serve. */
export interface Service extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** Milliseconds from the spawn to the ready line. */
  readonly readyMs: number;
  stderr(): string;
  stdout(): string;
  /** Ends it with a signal. @returns its exit code and signal */
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

async function startService(args: readonly string[], env: Env): Promise<Service> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], { env: childEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      const ready = /^ready (http:\S+)$/m.exec(stdout);
      if (ready !== null) resolve(ready[1]!);
    });
    void exited.then(({ code }) => reject(new Error(`${args[0]} ended with code ${code} before it was ready:\n${stderr}`)));
  });
  const end = (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  return {
    url,
    child,
    readyMs: performance.now() - startedMs,
    stderr: () => stderr,
    stdout: () => stdout,
    end,
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

/** A running server on a free port with a home of its own. */
export interface Server extends Service {
  readonly home: string;
  readonly adminToken: string;
  /** Calls the data plane with the first key. */
  ask(path: string, body?: unknown, init?: RequestInit): Promise<Response>;
  /** Calls our own API with the admin token. */
  admin(path: string, init?: RequestInit): Promise<Response>;
  /** A figure of /metrics by its whole name with labels; NaN when there is none. */
  metric(name: string): Promise<number>;
}

/**
 * Waits for services that start at the same time and hands them to the stack, which ends the last one first. When one does not
 * start, the others are in the stack all the same, so that nothing is left behind.
 */
export async function startTogether<T extends readonly AsyncDisposable[]>(
  stack: AsyncDisposableStack,
  ...starting: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  const settled = await Promise.allSettled<AsyncDisposable>(starting);
  for (const each of settled) if (each.status === 'fulfilled') stack.use(each.value);
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return Promise.all(starting) as unknown as Promise<T>;
}

/** Starts `switchyard serve`; with a home that is passed in, that home is kept. */
export async function startServer(home: string, env: Env = {}): Promise<Server> {
  const service = await startService(['serve'], { SWITCHYARD_HOME: home, SWITCHYARD_PORT: '0', SWITCHYARD_BOOTSTRAP_KEY: KEY, ...env });
  const adminToken = readFileSync(join(home, 'admin.token'), 'utf8').trim();
  const call = (token: string, path: string, body: unknown, init: RequestInit): Promise<Response> =>
    fetch(service.url + path, {
      ...init,
      method: init.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(init.headers as Env) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return {
    ...service,
    home,
    adminToken,
    ask: (path, body, init = {}) => call(KEY, path, body, init),
    admin: (path, init = {}) => call(adminToken, path, undefined, init),
    async metric(name) {
      const text = await (await call(adminToken, '/metrics', undefined, {})).text();
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
      return line === undefined ? Number.NaN : Number(line.slice(name.length + 1));
    },
  };
}

/** A request as an upstream received it; credentials show as a hash. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly bodySha256: string;
  readonly status: number | null;
  /** Number of the WebSocket on which it came as a frame; null for a request by itself. */
  readonly socket: number | null;
  readonly outcome: 'open' | 'completed' | 'aborted_by_client' | 'cut';
}

/** A scriptable upstream in a process of its own, steered over HTTP. */
export interface Upstream extends Service {
  script(script: unknown): Promise<void>;
  clearScript(): Promise<void>;
  counters(): Promise<{ received: number; open: number; completed: number; aborted: number; cut: number; sockets: { opened: number; open: number } }>;
  /** What came in since the last reset, oldest first. */
  received(): Promise<readonly ReceivedRequest[]>;
  release(gate: string): Promise<void>;
  reset(): Promise<void>;
}

export async function startUpstream(): Promise<Upstream> {
  const service = await startService(['simulate', '--port', '0'], {});
  const control = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${service.url}/_control/${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`the upstream refused ${path}: ${await response.text()}`);
    return response;
  };
  return {
    ...service,
    script: async (script) => void (await control('POST', 'script', script)),
    clearScript: async () => void (await control('DELETE', 'script')),
    counters: async () => (await control('GET', 'counters')).json() as never,
    received: async () => ((await (await control('GET', 'received')).json()) as { data: ReceivedRequest[] }).data,
    release: async (gate) => void (await control('POST', 'release', { gate })),
    reset: async () => void (await control('POST', 'reset')),
  };
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command of the command line to its end. */
export function cli(home: string, args: readonly string[], env: Env = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: childEnv({ SWITCHYARD_HOME: home, ...env }), stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** Links an upstream as an account that serves the named models; without them it is asked. */
export async function addAccount(
  server: Pick<Server, 'admin'>,
  upstream: Pick<Upstream, 'url'>,
  name = 'a1',
  models?: readonly string[],
  more: { readonly websocket?: boolean } = {},
): Promise<void> {
  const account = {
    name,
    kind: 'openai',
    base_url: `${upstream.url}/v1`,
    credential: `sk-test-${name}-not-a-secret`,
    ...(models === undefined ? {} : { models }),
    ...more,
  };
  const added = await server.admin('/api/accounts', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(account) });
  if (added.status !== 201) throw new Error(`The account was not added: ${await added.text()}`);
}

/** Links two accounts that serve a model of their own, so that what happened to others does not count; `fails-N` is chosen first. @returns the model */
export async function addPair(server: Pick<Server, 'admin'>, n: number, fails: Pick<Upstream, 'url'>, serves: Pick<Upstream, 'url'>): Promise<string> {
  const model = `m${n}`;
  await addAccount(server, fails, `fails-${n}`, [model]);
  await addAccount(server, serves, `serves-${n}`, [model]);
  return model;
}

/** Asks again until the answer is the wanted one. */
export async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
