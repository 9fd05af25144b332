import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer } from './answer.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { CONTROL_PREFIX, control } from './control.ts';
import type { Direction } from './direction.ts';
import { Gates } from './gates.ts';
import { stringOr } from './json.ts';
import type { Loose } from './json.ts';
import { Ledger } from './ledger.ts';
import { play } from './play.ts';
import { readBody, sha256 } from './read-body.ts';
import type { Counters, Received, Transport } from './received.ts';
import { Entry, keyPrint } from './received.ts';
import type { Reply } from './reply.ts';
import { refuse } from './reply.ts';
import { reshape } from './reshape.ts';
import type { Asked, Chosen } from './rules.ts';
import { Rules } from './rules.ts';
import type { Script } from './script.ts';
import { parseScript } from './script.ts';
import { asksForSocket, openSockets } from './socket/open-sockets.ts';
import { playFrames } from './socket/play-frames.ts';
import type { Connection } from './socket/serve-turns.ts';
import { TOKEN_PATH, plainPath, surfaceOf } from './surfaces.ts';
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
  /** Adds rules behind those that are there; sets models, keys, logins and usage when they are given. @throws SwitchyardError `invalid_value` with the place. */
  script(script: unknown): void;
  /** Forgets what scripts have said, and shuts gates. */
  clearScript(): void;
  /** Lets go of every answer held at this gate, now and later. */
  release(gate: string): void;
  /** Ends the access tokens that a login has: its next request is answered 401, and a renewal brings new ones. */
  expire(login: string): void;
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
  const sockets = openSockets({ turn, other }, () => ledger.changed());

  const server = createServer({ shouldUpgradeCallback: mayUpgrade }, (req, res) => {
    const target = targetOf(req.url ?? '/');
    const handled = mode === 'scriptable' && target.path.startsWith(CONTROL_PREFIX) ? control(simulator, req, res, target) : serve(req, res, target);
    handled.catch((error: unknown) => {
      // A fault of ours must not look like a scripted one, and must not take the process along.
      process.emitWarning(error instanceof Error ? error : new Error(String(error)));
      res.destroy();
    });
  });
  server.on('upgrade', sockets.take);
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 0;

  async function serve(req: IncomingMessage, res: ServerResponse, { path, search }: Target): Promise<void> {
    const method = req.method ?? 'GET';
    const key = keyOf(req);
    const entry = taken(req, method, { path, search }, null);
    res.once('close', () => ledger.settle(entry, entry.cutting || closing ? 'cut' : res.writableFinished ? 'completed' : 'aborted_by_client', clock.now()));

    const body = await readBody(req);
    if (body === null || res.destroyed) return;
    keepBody(entry, body.raw, body.decoded);
    const chosen = rules.active ? rules.take(asked(method, path, 'http', key, () => modelIn(body.decoded))) : undefined;
    entry.rule = chosen?.name ?? null;
    const reply = replyTo(chosen, path, key, () =>
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

  /** Whether a request becomes a socket. One that does not is answered like any other, so that rules, wrong keys and other paths are seen to. */
  function mayUpgrade(req: IncomingMessage): boolean {
    const { path } = targetOf(req.url ?? '/');
    const key = keyOf(req);
    if (plainPath(path) !== '/v1/responses' || !asksForSocket(req) || isRefused(key)) return false;
    return !rules.hasFor(asked('GET', path, 'http', key, () => ''));
  }

  async function turn({ number, ws, wire, request, kept }: Connection, frame: Buffer, create: Loose): Promise<void> {
    const { path, search } = targetOf(request.url ?? '/');
    const key = keyOf(request);
    const entry = taken(request, 'POST', { path, search }, number);
    keepBody(entry, frame, frame);
    const left = (): void => ledger.settle(entry, entry.cutting || closing ? 'cut' : 'aborted_by_client', clock.now());
    if (ws.readyState !== ws.OPEN) return left();
    ws.once('close', left);
    const chosen = rules.active ? rules.take(asked('POST', path, 'socket', key, () => stringOr(create['model'], ''))) : undefined;
    entry.rule = chosen?.name ?? null;
    const body = { ...create, stream: true };
    const reply = replyTo(chosen, path, key, () =>
      answer({ method: 'POST', path, search, headers: request.headers, body, kept }, world, chosen?.behaviour ?? {}),
    );
    entry.status = reply.status;
    await playFrames({ ws, wire }, reply, chosen?.behaviour, {
      clock,
      gates,
      cutting: () => void (entry.cutting = true),
      finished: () => ledger.settle(entry, 'completed', clock.now()),
      sent: () => void (entry.unitsSent += 1),
    });
    ws.off('close', left);
    if (ws.readyState !== ws.OPEN) left();
  }

  function other({ number, request }: Connection, frame: Buffer): void {
    const entry = taken(request, 'FRAME', targetOf(request.url ?? '/'), number);
    keepBody(entry, frame, frame);
    ledger.settle(entry, 'completed', clock.now());
  }

  function taken(req: IncomingMessage, method: string, { path, search }: Target, socket: number | null): Entry {
    const entry = new Entry(ledger.nextId(), { method, path, query: search, headers: req.headers as Entry['headers'], startedMs: clock.now() });
    entry.route = surfaceOf(method, path)?.surface.path ?? path;
    entry.socket = socket;
    const key = keyOf(req);
    if (ledger.records) entry.key = labelOf(key) ?? printOf(key);
    ledger.open(entry);
    return entry;
  }

  function keepBody(entry: Entry, raw: Buffer, decoded: Buffer): void {
    entry.bodyBytes = raw.length;
    if (!ledger.records) return;
    entry.bodySha256 = sha256(raw);
    ledger.keepBody(entry, decoded);
  }

  function asked(method: string, path: string, transport: Transport, key: string, model: () => string): Asked {
    return { method, path, transport, keyLabel: labelOf(key) ?? '', keyPrint: () => printOf(key), model };
  }

  function labelOf(key: string): string | undefined {
    return labels.get(key) ?? world.logins.find(key)?.label;
  }

  function isRefused(key: string): boolean {
    return (labels.size > 0 || world.logins.areKnown) && labelOf(key) === undefined;
  }

  function replyTo(chosen: Chosen | undefined, path: string, key: string, speak: () => Reply): Reply {
    if (path !== TOKEN_PATH && isRefused(key)) {
      if (world.logins.areKnown) return refuse(401, { message: 'Provided authentication token is expired.', code: 'token_expired' });
      return refuse(401, { message: 'Incorrect API key provided.', code: 'invalid_api_key' });
    }
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
      for (const [label, login] of Object.entries(script.logins ?? {})) world.logins.add(label, login);
      if (script.usage !== undefined) world.usage = script.usage;
      if (script.pongs !== undefined) sockets.answersPings = script.pongs;
      if (script.keys !== undefined) labels = new Map(Object.entries(script.keys).map(([label, secret]) => [secret, label]));
    },
    clearScript() {
      rules.clear();
      gates.close();
      labels = new Map();
      world.logins.clear();
      world.usage = null;
      sockets.answersPings = true;
      world.models = ownModels;
      world.strict = false;
    },
    release: (gate) => gates.release(gate),
    expire: (login) => world.logins.expire(login),
    received: ({ full = false } = {}) => ledger.received(full),
    counters: () => ({ ...ledger.counters(), sockets: { opened: sockets.opened, open: sockets.open } }),
    until: (reached) => ledger.until(() => reached(simulator.counters())),
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
      await sockets.close();
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

function printOf(key: string): string {
  return key === '' ? '' : keyPrint(key);
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
