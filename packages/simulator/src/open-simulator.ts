import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer } from './answer.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { CONTROL_PREFIX, control } from './control.ts';
import type { Direction } from './direction.ts';
import { Gates } from './gates.ts';
import { Ledger } from './ledger.ts';
import { play } from './play.ts';
import { readBody, sha256 } from './read-body.ts';
import type { Counters, Received } from './received.ts';
import { Entry, keyPrint } from './received.ts';
import type { Reply } from './reply.ts';
import { refuse } from './reply.ts';
import { reshape } from './reshape.ts';
import type { Chosen } from './rules.ts';
import { Rules } from './rules.ts';
import type { Script } from './script.ts';
import { parseScript } from './script.ts';
import { surfaceOf } from './surfaces.ts';
import type { Target } from './target.ts';
import { targetOf } from './target.ts';
import type { Mode } from './world.ts';
import { World } from './world.ts';

export interface SimulatorOptions {
  /** Loopback unless said otherwise. */
  readonly host?: string;
  /** 0 takes a free port. */
  readonly port?: number;
  readonly mode: Mode;
  /** How many requests are recorded; 1 000 unless said otherwise, 0 for speed. Counters are exact either way. */
  readonly keep?: number;
  readonly clock?: Clock;
  /** Makes ids and sealed items; the same nonce again continues the same upstream after a restart. */
  readonly nonce?: string;
  readonly script?: Script;
}

/** A running upstream on loopback. Disposing it breaks off what is open and closes the port; the counters are final then. */
export interface Simulator {
  /** `http://HOST:PORT`, without `/v1`. */
  readonly url: string;
  readonly port: number;
  /** Adds rules behind those that are there; sets models and keys when they are given. @throws SwitchyardError `invalid_value` with the place. */
  script(script: unknown): void;
  /** Forgets rules, models and keys, and shuts gates. */
  clearScript(): void;
  /** Lets go of every answer held at this gate, now and later. */
  release(gate: string): void;
  /** The newest requests, oldest first. `full` shows credentials. */
  received(options?: { readonly full?: boolean }): readonly Received[];
  counters(): Counters;
  /** Resolves once the predicate holds for the counters. */
  until(reached: (counters: Counters) => boolean): Promise<void>;
  /** `clearScript`, and forgets requests, counters and stored responses. */
  reset(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const NO_DIRECTION: Direction = {};

/** Starts a simulator (product section 2, architecture section 2): the tests', the bench's and the sandbox account's upstream. */
export async function openSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, mode, keep = mode === 'sandbox' ? 0 : 1_000, clock = systemClock } = options;
  const world = new World(mode, () => clock.now(), options.nonce);
  const ledger = new Ledger(keep);
  const rules = new Rules();
  const gates = new Gates();
  const ownModels = world.models;
  let closing = false;
  let labels = new Map<string, string>();

  const server = createServer((req, res) => {
    const target = targetOf(req.url ?? '/');
    const handled = mode === 'scriptable' && target.path.startsWith(CONTROL_PREFIX) ? control(simulator, req, res, target) : serve(req, res, target);
    handled.catch((error: unknown) => {
      // A fault of ours must not look like a scripted one, and must not take the process along.
      process.emitWarning(error instanceof Error ? error : new Error(String(error)));
      res.destroy();
    });
  });
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 0;

  async function serve(req: IncomingMessage, res: ServerResponse, { path, search }: Target): Promise<void> {
    const method = req.method ?? 'GET';
    const entry = new Entry(ledger.nextId(), { method, path, query: search, headers: req.headers as Entry['headers'], startedMs: clock.now() });
    entry.route = surfaceOf(method, path)?.surface.path ?? path;
    const key = keyOf(req);
    const print = (): string => (key === '' ? '' : keyPrint(key));
    if (ledger.records) entry.key = labels.get(key) ?? print();
    ledger.open(entry);
    res.once('close', () => ledger.settle(entry, entry.cutting || closing ? 'cut' : res.writableFinished ? 'completed' : 'aborted_by_client', clock.now()));

    const body = await readBody(req);
    if (body === null || res.destroyed) return;
    entry.bodyBytes = body.raw.length;
    if (ledger.records) {
      entry.bodySha256 = sha256(body.raw);
      ledger.keepBody(entry, body.decoded);
    }
    const model = (): string => modelIn(body.decoded);
    const chosen = rules.active ? rules.take({ method, path, keyLabel: labels.get(key) ?? '', keyPrint: print, model }) : undefined;
    entry.rule = chosen?.name ?? null;
    const reply = replyTo(chosen, key, () =>
      answer({ method, path, search, headers: req.headers, body: body.decoded }, world, chosen?.behaviour ?? NO_DIRECTION),
    );
    entry.status = reply.status;
    await play(res, reply, chosen?.manner, {
      clock,
      gates,
      cutting: () => void (entry.cutting = true),
      finished: () => ledger.settle(entry, 'completed', clock.now()),
      sent: () => void (entry.unitsSent += 1),
    });
  }

  function replyTo(chosen: Chosen | undefined, key: string, speak: () => Reply): Reply {
    if (labels.size > 0 && !labels.has(key)) return refuse(401, { message: 'Incorrect API key provided.', code: 'invalid_api_key' });
    if (chosen?.ready !== undefined) return chosen.ready;
    const reply = speak();
    const withId: Reply = { ...reply, headers: { 'x-request-id': world.newId('req'), ...reply.headers } };
    return chosen === undefined ? withId : reshape(withId, chosen.behaviour);
  }

  const simulator: Simulator = {
    url: '',
    port: 0,
    script(value) {
      const script = parseScript(value);
      rules.add(script.rules ?? []);
      if (script.models !== undefined) {
        world.models = script.models;
        world.strict = true;
      }
      if (script.keys !== undefined) labels = new Map(Object.entries(script.keys).map(([label, secret]) => [secret, label]));
    },
    clearScript() {
      rules.clear();
      gates.close();
      labels = new Map();
      world.models = ownModels;
      world.strict = false;
    },
    release: (gate) => gates.release(gate),
    received: ({ full = false } = {}) => ledger.received(full),
    counters: () => ledger.counters(),
    until: (reached) => ledger.until(() => reached(ledger.counters())),
    reset() {
      simulator.clearScript();
      world.responses.clear();
      ledger.reset();
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
      await ledger.until(() => ledger.counters().open === 0);
    },
  };
  if (options.script !== undefined) simulator.script(options.script);

  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  await listening;
  const bound = (server.address() as AddressInfo).port;
  return Object.assign(simulator, { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, port: bound });
}

function keyOf(req: IncomingMessage): string {
  const { authorization = '' } = req.headers;
  if (authorization !== '') return authorization.replace(/^Bearer /i, '');
  const other = req.headers['x-api-key'];
  return typeof other === 'string' ? other : '';
}

function modelIn(body: Buffer): string {
  try {
    const { model } = JSON.parse(body.toString()) as { model?: unknown };
    return typeof model === 'string' ? model : '';
  } catch {
    return '';
  }
}
