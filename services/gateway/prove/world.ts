import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { loadConfig } from '@switchyard/config';
import type { Config } from '@switchyard/config';
import type { DatabaseTarget } from '@switchyard/database';
import { openVault } from '@switchyard/security';
import type { Vault } from '@switchyard/security';
import { recordingLogger } from '@switchyard/testkit';
import type { LogRecord } from '@switchyard/testkit';
import { digestOf } from '../src/bindings/digest.ts';
import { fingerprintOf } from '../src/bindings/json-members.ts';
import { addAccount, createKey, draftOf, endKey, removeAccount } from '../src/index.ts';
import { bodyOf, frameOf } from './body-of.ts';
import type { Client } from './client.ts';
import { ClientSockets, SOCKET_LABEL } from './client-sockets.ts';
import { Coverage } from './coverage.ts';
import { isRefusedAtEdge } from './history.ts';
import type { Asked, AttemptTrace, Claims, Expected, History, RequestTrace, Row } from './history.ts';
import { HttpClient } from './http-client.ts';
import { UPKEEP_MS, openLife } from './life.ts';
import type { Life } from './life.ts';
import { Model } from './model.ts';
import type { Turn } from './model.ts';
import { ALL_PARTS } from './plan.ts';
import type { Plan } from './plan.ts';
import type { SocketClient } from './socket-client.ts';
import { Standings, TROUBLE_MS } from './standings.ts';
import { countTransitions } from './transitions.ts';
import type { ToldRequest } from './transitions.ts';
import { Upstream } from './upstream.ts';
import type { Watcher } from './upstream.ts';

/** Accounts of a world. */
const ACCOUNTS = 4;
/** Requests in progress at most, but for bursts. */
export const MAX_RUNNING = 6;
/** Longest that a step may take to come to rest: far beyond what any wait of the gateway lasts here. */
const REST_MS = 30_000;
/** Turns of the event loop in which what lies in a socket has been read, and understood, for certain. */
const READ_TURNS = 4;
/** From so many requests in progress on there may be no room for all, and for so long afterwards. */
const CROWD = 15;
const CROWDED_MS = 5_000;
/** For so long a gateway waits for the first frame of a turn, at most, and so long a socket may rest before it is not trusted with a conversation. */
const SILENT_MS = 8_000;
const STALE_MS = 60_000;
/** So much of an answer waits for a client that counts as slow. */
const MUCH = 1_000_000;
/** Waits that would end what nobody has ended, when time is skipped. */
const PATIENT = String(2 ** 31 - 1);

export interface Key {
  readonly id: string;
  readonly secret: string;
  isRevoked: boolean;
}

/** A request as a command asks for it. */
export interface Wanted {
  readonly life: Life;
  readonly key: Key;
  readonly asked: Asked;
  readonly isStream: boolean;
  readonly claims: Claims;
  readonly isStored: boolean;
  readonly plan: Plan;
  /** Of `path`: method and path. */
  readonly target?: readonly [method: string, path: string];
  /** Of `turn`: it asks for nothing yet. */
  readonly isWarmUp?: boolean;
}

/** A request with all that belongs to it. */
interface Seen {
  readonly trace: RequestTrace;
  readonly wanted: Wanted;
  readonly attempts: AttemptTrace[];
  client: Client | null;
  socket: SocketClient | null;
}

export interface WorldOptions {
  /** A migrated database of its own. */
  readonly connection: DatabaseTarget;
  /** A folder of its own. */
  readonly home: string;
  readonly coverage: Coverage;
}

/** Real gateways on a real database, the upstreams behind them and the clients before them, with all that is known of one case. */
export class World implements Watcher, AsyncDisposable {
  readonly upstreams: readonly Upstream[];
  readonly coverage: Coverage;
  readonly log: readonly LogRecord[];
  /** Milliseconds by what they went by in. */
  readonly spent = new Coverage();
  readonly #options: WorldOptions;
  readonly #config: Config;
  readonly #vault: Vault;
  readonly #logger: ReturnType<typeof recordingLogger>;
  readonly #records: LogRecord[];
  readonly #pool: pg.Pool;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #sockets = new ClientSockets(this);
  readonly #waiting = new Set<() => void>();
  readonly #accountIds: string[] = [];
  readonly #standings: Standings;
  #lives: Life[] = [];
  #places = 0;
  #no = 0;
  #skippedMs = 0;
  #wallMs = 0;
  #renamed = 0;
  #linked = 0;

  // Of the case.
  model = new Model();
  keys: Key[] = [];
  #seen = new Map<number, Seen>();
  /** Those of which something goes on, for their client or at an upstream, so that nobody has to look at all of them at each change. */
  readonly #open = new Set<Seen>();
  readonly #running = new Set<RequestTrace>();
  #requests: RequestTrace[] = [];
  #attempts: AttemptTrace[] = [];
  #retrying: { active: number; retries: number }[] = [];
  #stuck: string[] = [];
  #bound: History['bound'][number][] = [];
  #fromMs = 0;
  #crowdedUntilMs = 0;
  /** Requests in progress at each gateway at most since the last rest: a retry that arrives was allowed some moments before. */
  readonly #mostRunning = new Map<number, number>();
  /** The gateways cannot reach the database. */
  isAway = false;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.coverage = options.coverage;
    this.#logger = recordingLogger();
    this.#records = this.#logger.records as LogRecord[];
    this.log = this.#records;
    const patient = { SWITCHYARD_WEBSOCKET_PING_MS: PATIENT, SWITCHYARD_WEBSOCKET_RETIRE_MS: PATIENT, SWITCHYARD_UPSTREAM_IDLE_TIMEOUT_MS: PATIENT };
    const env = { SWITCHYARD_HOME: options.home, SWITCHYARD_BOOTSTRAP_KEY: 'sk-test-bootstrap-not-a-secret', ...patient };
    this.#config = loadConfig({ env }).config;
    this.#vault = openVault({ home: options.home, loopback: true, log: this.#logger });
    const { connection } = options;
    this.#pool = new pg.Pool({
      ...('url' in connection ? { connectionString: connection.url } : connection),
      max: 1,
      idleTimeoutMillis: 0,
      options: '-c synchronous_commit=off',
    });
    this.#pool.on('error', () => {});
    this.#standings = new Standings(ACCOUNTS, { nowMs: this.nowMs, wallClockMs: this.wallClockMs, place: () => this.place() });
    this.upstreams = Array.from({ length: ACCOUNTS }, (_, i) => new Upstream(i, 'abcd'[i]!, this));
  }

  /** Starts the upstreams and the first gateway. */
  async open(): Promise<void> {
    // The crashes here are those of gateways, never of the database, so it need not wait for its disk.
    await this.#pool.query(`do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`);
    for (const upstream of this.upstreams) await upstream.start();
    this.#lives = [await this.openLife()];
    for (const upstream of this.upstreams) await this.link(upstream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#seen.values()) client?.leave('cut');
    this.#sockets.leave();
    for (const life of this.#lives) await life.close();
    for (const upstream of this.upstreams) await upstream.die();
    this.#agent.destroy();
    await this.#pool.end();
  }

  // Time and order.

  /** Does something, and adds up how long that takes. */
  async timed<T>(what: string, run: () => Promise<T>): Promise<T> {
    const beganMs = performance.now();
    const result = await run();
    this.spent.count(what, performance.now() - beganMs);
    return result;
  }

  place(): number {
    return ++this.#places;
  }

  nowMs = (): number => performance.now() + this.#skippedMs;

  wallClockMs = (): number => Date.now() + this.#skippedMs + this.#wallMs;

  /** Lets time go by at once, on both clocks. Every gateway has worked out what that changes when this resolves. */
  async skip(ms: number): Promise<void> {
    this.#skippedMs += ms;
    for (const trace of this.#running) trace.mayBeStalled ||= trace.isPaused;
    await sleep(2 * UPKEEP_MS);
    // It looks at its sockets more seldom; what is said meanwhile on one that it is about to give up would be said to nobody.
    await this.until(
      () => this.#givenUp() === undefined,
      () => `not given up: ${this.#describe(this.#givenUp()!)}`,
    );
  }

  /** A turn of which nothing has come for longer than its gateway waits. */
  #givenUp(): Seen | undefined {
    const isOver = ({ end, sentBytes, arrivedMs }: AttemptTrace): boolean => end === null && sentBytes === 0 && this.nowMs() - arrivedMs > SILENT_MS;
    return this.#open.values().find(({ trace, attempts }) => trace.asked === 'turn' && attempts.some(isOver));
  }

  /** Sets the wall clock alone, to so much ahead of the other one; the same holds. */
  async setWall(ms: number): Promise<void> {
    this.#wallMs = ms;
    this.#fromMs = Math.min(this.#fromMs, this.wallClockMs() - 1_000);
    await sleep(2 * UPKEEP_MS);
  }

  changed(): void {
    for (const wake of this.#waiting) wake();
  }

  // Gateways.

  get lives(): readonly Life[] {
    return this.#lives;
  }

  openLife(): Promise<Life> {
    return openLife({
      connection: this.#options.connection,
      config: this.#config,
      vault: this.#vault,
      log: this.#logger,
      nowMs: this.nowMs,
      wallClockMs: this.wallClockMs,
      terminate: (name) => this.#terminate(name),
    });
  }

  async #terminate(applicationName: string): Promise<void> {
    await this.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()', [applicationName]);
  }

  /** Opens a further gateway on the same database. */
  async addLife(): Promise<void> {
    this.#lives.push(await this.openLife());
  }

  /** Ends a gateway, in order or at once, and sees whether what its clients saw is bound. Others stay. */
  async endLife(life: Life, how: 'close' | 'crash'): Promise<void> {
    this.#lives = this.#lives.filter((each) => each !== life);
    for (const trace of this.#requests) {
      if (trace.life !== life.no) continue;
      if (trace.end === null) trace.wasShut = true;
      if (how === 'crash') trace.mayBeUnlogged = true;
    }
    await life[how]();
    await this.noteBound();
  }

  /** Takes the database away from the gateways, while nothing runs, or gives it back. */
  async setDatabase(isAway: boolean): Promise<void> {
    // A database cannot shut itself off.
    const { connection } = this.#options;
    const outside = new pg.Client('url' in connection ? connection.url.replace(/\/\w+(?=\?|$)/, '/postgres') : { ...connection, database: 'postgres' });
    await outside.connect();
    const [{ name } = { name: '' }] = await this.query<{ name: string }>('select current_database() as name');
    await outside.query(`alter database ${name} allow_connections ${String(!isAway)}`).finally(() => outside.end());
    this.isAway = isAway;
    for (let tries = 0; tries === 0 || this.#lives.some((life) => life.isCutOff() !== isAway); tries++) {
      // Again and again: a connection that was being opened may come to be behind the look at those that are open, and whoever has none sees nothing.
      if (isAway && tries % 500 === 0)
        for (const life of this.#lives) {
          await this.#terminate(life.name);
          await life.askDatabase();
        }
      if (tries > REST_MS / 2) throw new Error(`a gateway did not see that the database is ${isAway ? 'away' : 'back'}`);
      // One that is asked sees at once that it is back; else it would ask by itself, ever more seldom.
      if (!isAway) for (const life of this.#lives) await life.askDatabase();
      await sleep(2);
    }
  }

  /** Waits until every gateway knows what has been changed through the first of them. */
  async #spread(isKnown: (life: Life) => Promise<boolean>): Promise<void> {
    for (const life of this.#lives) {
      for (let tries = 0; !(await isKnown(life)); tries++) {
        if (tries > REST_MS / 2) throw new Error('a gateway did not hear of a change');
        await sleep(2);
      }
    }
  }

  // Accounts and keys.

  /** Makes an upstream an account of the gateways. */
  async link(upstream: Upstream): Promise<void> {
    upstream.name = `${'abcd'[upstream.number]!}${++this.#renamed}`;
    const draft = draftOf({
      name: upstream.name,
      kind: 'openai-compatible',
      base_url: `http://127.0.0.1:${upstream.port}/v1`,
      credential: `sk-test-account-${upstream.number}-not-a-secret`,
      models: ['m'],
      websocket: true,
    });
    const { id } = await addAccount(this.#lives[0]!.gateway.control, draft);
    this.#accountIds[upstream.number] = id;
    this.#linked++;
    await this.#spread(async (life) => (await life.accounts()) === this.#linked);
  }

  /** Takes an account away from the gateways, with all that it owns. */
  async unlink(upstream: Upstream): Promise<void> {
    this.model.forget(upstream.number);
    this.trouble(upstream.number);
    // What runs there is broken off.
    for (const trace of this.running) trace.wasShut = true;
    await removeAccount(this.#lives[0]!.gateway.control, this.#accountIds[upstream.number]!);
    this.#linked--;
    await this.#spread(async (life) => (await life.accounts()) === this.#linked);
    this.model.forget(upstream.number);
  }

  /** Ends a key. */
  async revoke(key: Key): Promise<void> {
    key.isRevoked = true;
    this.model.forgetKey(key.id);
    this.keys = this.keys.filter((each) => each !== key);
    for (const trace of this.running) if (trace.keyId === key.id) trace.mayBeRevoked = true;
    await endKey(this.#lives[0]!.gateway.control, key.id);
  }

  async addKey(): Promise<Key> {
    const { id, key } = await createKey(this.#lives[0]!.gateway.control, { name: `proof-${++this.#renamed}`, models: null, accounts: null });
    const made: Key = { id, secret: key, isRevoked: false };
    await this.#spread(async ({ url }) => (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
    this.keys.push(made);
    return made;
  }

  /** Has an upstream take connections again. Nobody has seen who failed to reach it meanwhile. */
  async revive(upstream: Upstream): Promise<void> {
    if (upstream.isAlive) return;
    await upstream.start();
    for (const { no } of this.#lives) this.#standings.failed(upstream.number, no);
  }

  /** Something was wrong with an account just now. */
  trouble(account: number): void {
    this.#standings.trouble(account);
  }

  /** Whether nothing keeps a gateway from giving a request to an account that it prefers. */
  isFine(account: number, life: number, asked: Asked): boolean {
    const { isAlive, mode } = this.upstreams[account]!;
    if (!isAlive || mode !== 'ok' || !this.#standings.isClear(account)) return false;
    return !this.#standings.isDoubted(life, account, asked) || [...this.#open].every((seen) => !mayProbe(seen, account));
  }

  /** Whether an account may be taken to be out of quota. */
  mayBeExhausted(account: number): boolean {
    return this.#standings.mayBeExhausted(account);
  }

  // The database.

  async query<R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.#pool.query<R>(text, values)).rows;
  }

  // Requests.

  get running(): readonly RequestTrace[] {
    return [...this.#running];
  }

  client(no: number): Client {
    return this.#seen.get(no)!.client!;
  }

  planOf(no: number): Plan | undefined {
    return this.#seen.get(no)?.wanted.plan;
  }

  attemptsOf(no: number): readonly AttemptTrace[] {
    return this.#seen.get(no)?.attempts ?? [];
  }

  /** Whether this key may ask for a turn there: on the socket that is open, or on a new one. */
  hasSocketFree(life: Life, key: Key): boolean {
    return this.#sockets.isFree(life, key);
  }

  /** Sends a request; nothing is waited for. */
  send(wanted: Wanted): RequestTrace {
    const { life, key, asked, isStream, claims, plan } = wanted;
    const expected = this.model.expect(claims, {
      keyId: key.id,
      asked,
      life: life.no,
      // The account that an open socket leads to comes before one that is only preferred.
      isFine: (account) => !(asked === 'turn' && this.#sockets.isUsed(life, key)) && this.isFine(account, life.no, asked),
      isAway: this.isAway,
      mayHaveMoved: this.#mayHaveMoved(wanted),
    });
    const seen = this.#take(wanted, expected);
    const { trace } = seen;
    this.#noteLawful(trace, wanted);
    seen.client = asked === 'turn' ? this.#askForTurn(seen) : this.#request(seen);
    // Who asks for much reads it slowly.
    if (plan.padding > 0 && isStream) seen.client.pause();
    this.coverage.count(`asked:${asked}`);
    const { owner, first, isForeign } = trace.expected;
    this.coverage.count(`strength:${owner !== null ? 'owned' : first !== null ? 'preferred' : isForeign ? 'foreign' : 'free'}`);
    return trace;
  }

  #request(seen: Seen): Client {
    const { trace, wanted } = seen;
    const { life, key, asked, isStream, claims, isStored, target } = wanted;
    const path = { responses: '/v1/responses', chat: '/v1/chat/completions', compact: '/v1/responses/compact', path: '', turn: '' }[asked];
    return new HttpClient(
      {
        url: life.url,
        method: target?.[0] ?? 'POST',
        path: target?.[1] ?? path,
        key: key.secret,
        headers: {
          ...(claims.turnState === null ? {} : { 'x-codex-turn-state': claims.turnState }),
          ...(claims.session === null ? {} : { 'thread-id': claims.session }),
        },
        body: asked === 'path' ? null : bodyOf(asked, claims, isStream, isStored),
      },
      trace,
      this.#agent,
      this,
      () => this.#ended(seen),
    );
  }

  #askForTurn(seen: Seen): Client {
    const { trace, wanted } = seen;
    const { life, key, claims, isStored, isWarmUp = false } = wanted;
    const socket = this.#sockets.take(life, key);
    seen.socket = socket;
    const nth = socket.turns.length;
    const { previousResponse } = claims;
    // Its gateway counts from the end of the turn before, which a client that does not read sees later.
    trace.mayBeStale = nth > 0 && this.nowMs() - socket.askedMs > STALE_MS - 1_000;
    socket.askedMs = this.nowMs();
    trace.mayBeTorn = this.model.mayBeTorn(claims, key.id);
    if (isWarmUp) this.coverage.count('turn:warm_up');
    if (previousResponse !== null) this.coverage.count(socket.told.has(previousResponse) ? 'turn:same_socket' : 'turn:other_socket');
    return socket.ask(trace, frameOf({ no: trace.no, claims, isStored, isWarmUp, nth }), () => this.#ended(seen));
  }

  /** Whether an answer that its client has not seen the end of may have bound the session of a request anew. */
  #mayHaveMoved({ key, claims }: Wanted): boolean {
    if (claims.session === null) return false;
    for (const { trace, attempts } of this.#open)
      if (trace.keyId === key.id && trace.claims.session === claims.session && attempts.at(-1)?.isWhole === true) return true;
    return false;
  }

  /** Has a client read again that has stopped. */
  readOn(no: number): void {
    const { trace, attempts, client } = this.#seen.get(no)!;
    if (trace.isPaused && (attempts.at(-1)?.sentBytes ?? 0) - trace.receivedBytes >= MUCH) {
      this.coverage.count('slow_behind_a_megabyte');
      this.coverage.count(`slow_behind_a_megabyte:${trace.asked}`);
    }
    client!.resume();
  }

  /** Lets more of the answer to a request out. */
  release(no: number, parts: number): void {
    this.planOf(no)!.allowed += parts;
    for (const upstream of this.upstreams) upstream.advance(no);
  }

  arrived(attempt: Omit<AttemptTrace, 'arrivedAt' | 'arrivedMs'>): AttemptTrace {
    const trace: AttemptTrace = { ...attempt, arrivedAt: this.place(), arrivedMs: this.nowMs() };
    const seen = this.#seen.get(trace.no)!;
    this.#attempts.push(trace);
    seen.attempts.push(trace);
    this.#open.add(seen);
    if (seen.attempts.length > 1) this.#noteRetries(seen.trace.life);
    this.changed();
    return trace;
  }

  ended(attempt: AttemptTrace): void {
    this.#standings.note(attempt, this.#seen.get(attempt.no)?.trace);
  }

  exhausted(account: number): void {
    this.#standings.exhausted(account);
  }

  /** A request is being tried again at a gateway: how many are, of how many. */
  #noteRetries(life: number): void {
    // Each gateway has a budget of its own.
    let active = 0;
    let retries = 0;
    for (const { trace, attempts } of this.#open) {
      if (trace.life !== life || trace.end !== null) continue;
      active++;
      const last = attempts.at(-1);
      // A retry that waits before its head is in progress for certain.
      if (attempts.length > 1 && last!.status === null && last!.end === null) retries++;
    }
    this.#retrying.push({ active: Math.max(active, this.#mostRunning.get(life) ?? 0), retries });
  }

  #take(wanted: Wanted, expected: Expected): Seen {
    const { life, key, asked, isStream, claims } = wanted;
    const trace: RequestTrace = {
      no: ++this.#no,
      life: life.no,
      keyId: key.id,
      asked,
      isStream,
      claims,
      expected,
      sentAt: this.place(),
      status: null,
      account: null,
      isOurs: false,
      code: null,
      received: [],
      receivedBytes: 0,
      firstByteAt: null,
      end: null,
      endAt: null,
      isPaused: false,
      wasShut: false,
      mayBeUnlogged: false,
      mayBeShed: false,
      mayBeExhausted: false,
      mayFindNobody: false,
      mayBeRevoked: false,
      mayBeStalled: false,
      mayBeStale: false,
      mayBeTorn: false,
    };
    const seen: Seen = { trace, wanted, attempts: [], client: null, socket: null };
    this.#seen.set(trace.no, seen);
    this.#requests.push(trace);
    this.#open.add(seen);
    this.#running.add(trace);
    const running = this.running.filter((each) => each.life === life.no).length;
    this.#mostRunning.set(life.no, Math.max(this.#mostRunning.get(life.no) ?? 0, running));
    return seen;
  }

  /** Notes what would make a refusal lawful, as it is now. */
  #noteLawful(trace: RequestTrace, { key }: Wanted): void {
    const { owner } = trace.expected;
    trace.mayBeRevoked ||= key.isRevoked;
    if (this.#running.size >= CROWD) this.#crowdedUntilMs = this.nowMs() + CROWDED_MS;
    trace.mayBeShed ||= this.#crowdedUntilMs > this.nowMs();
    const exhausted = this.upstreams.filter(({ number }) => this.mayBeExhausted(number)).length;
    trace.mayBeExhausted ||= owner === null ? exhausted > 0 : this.mayBeExhausted(owner);
    trace.mayFindNobody ||= exhausted === ACCOUNTS;
  }

  /** A request is over for its client: what it teaches of ids. */
  #ended({ trace, wanted, attempts, socket }: Seen): void {
    const { claims, key, isStored, life, isWarmUp } = wanted;
    this.#running.delete(trace);
    this.#noteLawful(trace, wanted);
    const last = attempts.at(-1);
    // While a client does not read, its gateway may not hear yet that an upstream has broken off.
    if (trace.end === 'cut' && last !== undefined) this.#standings.failed(last.account, trace.life);
    if (last === undefined) {
      // A socket may end under a turn that its gateway has not read yet.
      if (trace.asked === 'turn' && trace.end === 'cut' && trace.status === null) trace.mayBeUnlogged = true;
      return;
    }
    const isCertain = trace.end === 'whole' && trace.status === 200 && last.isWhole && !trace.wasShut && !this.isAway && !life.isCutOff() && !key.isRevoked;
    for (const attempt of attempts) {
      if (attempt.status !== 200 || attempt.committedAt === null) continue;
      const certain = isCertain && attempt === last;
      const turn: Turn = {
        keyId: key.id,
        // A warm-up is no turn of its session yet.
        session: trace.asked === 'path' || trace.asked === 'chat' || isWarmUp === true ? null : claims.session,
        issuer: attempt.account,
        issued: attempt.issued,
        asked: claims.turnState,
        isCompaction: trace.asked === 'compact',
      };
      // On a socket the next turn may go on from what is stored nowhere.
      if (isStored || trace.asked !== 'responses') this.model.told(turn, trace.life, certain);
      else this.model.told({ ...turn, issued: { ...attempt.issued, responseId: null } }, trace.life, certain);
      if (certain && attempt.issued.responseId !== null) socket?.told.add(attempt.issued.responseId);
      const others = [...this.#running].some((other) => other.claims.session === claims.session);
      this.model.toldInSession(turn, trace.life, certain, others || this.upstreams.some(({ number }) => this.mayBeExhausted(number)));
    }
    const isDenial = !trace.isOurs && (trace.status === 400 || trace.status === 404) && (trace.asked === 'responses' || trace.asked === 'turn');
    if (claims.previousResponse !== null && isDenial) this.model.denied(claims.previousResponse);
  }

  // Rest.

  /** Something has not come to rest in time, so that nothing that follows would say much. */
  get isStuck(): boolean {
    return this.#stuck.length > 0;
  }

  /** Waits until every request has ended or waits for its gate, with all that its client can have got. */
  async rest(): Promise<void> {
    // What has been closed tells of it in a later turn of the event loop.
    await new Promise(setImmediate);
    await this.until(
      () => this.#restless() === undefined,
      () => `no rest: ${this.#describe(this.#restless()!)}`,
    );
    // What an upstream has written is read by its gateway in a later turn too; until then it would count as silent for all the time that is skipped.
    for (let n = 0; n < READ_TURNS; n++) await new Promise(setImmediate);
    this.#standings.rested();
    this.#mostRunning.clear();
    for (const { life } of this.running) this.#mostRunning.set(life, (this.#mostRunning.get(life) ?? 0) + 1);
  }

  /** Waits until something holds; what does not for too long is written down. */
  async until(holds: () => boolean, otherwise: () => string): Promise<void> {
    if (holds()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (holds()) resolve();
    };
    const timer = setTimeout(() => {
      this.#stuck.push(otherwise());
      resolve();
    }, REST_MS);
    this.#waiting.add(look);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(look);
  }

  /** One of those that have not come to rest. Whoever is done with is let go of. */
  #restless(): Seen | undefined {
    for (const seen of this.#open) {
      const { trace, attempts } = seen;
      // Nothing goes on at an upstream for a client that is no longer there.
      if (trace.end !== null && attempts.every(({ end }) => end !== null)) this.#open.delete(seen);
      else if (trace.end !== null || !isAtRest(trace, attempts.at(-1))) return seen;
    }
    return undefined;
  }

  #describe({ trace, attempts: all }: Seen): string {
    const { no, asked, isStream, status, receivedBytes, isPaused, expected } = trace;
    const attempts = all.map(({ accountName, status: told, sentBytes, end, isWaiting, isWhole, committedAt }) => ({
      accountName,
      told,
      sentBytes,
      end,
      isWaiting,
      isWhole,
      committedAt,
    }));
    return JSON.stringify({ no, asked, isStream, status, receivedBytes, isPaused, expected, attempts });
  }

  // Cases.

  /** Forgets the case before, and begins one with new keys and accounts of which nothing is held against. */
  async beginCase(): Promise<void> {
    this.model = new Model();
    this.#sockets.leave();
    for (const upstream of this.upstreams) {
      upstream.mode = 'ok';
      await this.revive(upstream);
    }
    this.#wallMs = 0;
    // Twice, since the wall clock may be set back far enough for a block of the case before to hold again.
    await this.skip(2 * TROUBLE_MS);
    this.#standings.forgive();
    if (this.keys.length > 0) await this.query('update gateway.key set revoked_at = now() where id = any($1)', [this.keys.map(({ id }) => id)]);
    this.#records.length = 0;
    this.keys = [];
    await this.addKey();
    await this.addKey();
    this.#forget();
  }

  /** Throws away what earlier cases have left, and sets the clocks right, so that neither the database nor the date runs away. */
  async sweep(): Promise<void> {
    for (const life of this.#lives) await life.close();
    this.#skippedMs = 0;
    this.#wallMs = 0;
    await this.query('truncate gateway.request');
    await this.query('delete from gateway.binding');
    await this.query('delete from gateway.key where revoked_at is not null');
    await this.query('delete from gateway.quota');
    this.#standings.forget();
    this.#lives = [await this.openLife()];
  }

  /** Lets everything run to its end. */
  async quiesce(): Promise<void> {
    for (const trace of this.running) {
      this.readOn(trace.no);
      this.release(trace.no, ALL_PARTS);
    }
    await this.until(
      () => this.#running.size === 0 && this.upstreams.every(({ open }) => open === 0),
      () => `never quiet: ${[...this.#open].map((seen) => this.#describe(seen)).join(' ')} ${this.upstreams.map(({ open }) => open).join()}`,
    );
  }

  /** Writes down what the database has of the ids that are certain to be bound. */
  async noteBound(): Promise<void> {
    const certain = [...this.model.certain()];
    if (certain.length === 0 || this.isAway) return;
    const digests = certain.map(({ kind, keyId, session, id }) =>
      digestOf(kind, keyId, session, kind === 'encrypted' ? fingerprintOf(Buffer.from(JSON.stringify({ encrypted_content: id })))! : id).toString('base64'),
    );
    const rows = await this.query<{ digest: string; owner: string }>(
      `select encode(digest, 'base64') as digest, account_id as owner from gateway.binding where digest in (select decode(d, 'base64') from unnest($1::text[]) as d)`,
      [digests],
    );
    const found = new Map(rows.map(({ digest, owner }) => [digest, owner]));
    for (const [i, { id, owner }] of certain.entries()) this.#bound.push({ id, issuer: this.#accountIds[owner]!, found: found.get(digests[i]!) ?? null });
  }

  /** All that was seen since the last look, once nothing runs; the next look begins after it. */
  async history(): Promise<History> {
    const gauges: Record<string, number> = {};
    // Between turns a client's socket stays.
    const kept = (): Record<string, number> => ({ switchyard_sockets: -this.#sockets.openAt(this.#lives) });
    const sum = async (): Promise<string | null> => {
      const all = await Promise.all(this.#lives.map((life) => life.gauges()));
      for (const name of Object.keys(gauges)) delete gauges[name];
      for (const each of [...all, kept()]) for (const [name, value] of Object.entries(each)) gauges[name] = (gauges[name] ?? 0) + value;
      const held = Object.entries(gauges).find(([, value]) => value !== 0);
      return held === undefined ? null : held[0];
    };
    // What an answer's end gives back is given back in a later turn of the event loop.
    for (let tries = 0; tries < 100 && this.#lives.some(({ gateway }) => gateway.running() > 0); tries++) await sleep(1);
    for (let tries = 0; tries < 200 && (await sum()) !== null; tries++) await sleep(1);
    let rows: Row[] | null = null;
    if (!this.isAway) {
      await this.noteBound();
      const wanted = this.#requests.filter((trace) => !trace.mayBeUnlogged && !isRefusedAtEdge(trace));
      for (let tries = 0; tries < 400; tries++) {
        // They are written some milliseconds behind.
        await sleep(6);
        const told = await this.#told();
        rows = told.map((each) => rowOf(each, this.#numberOf(each)!));
        const ended = new Set(rows.filter(({ isEnded }) => isEnded).map(({ no }) => no));
        if (tries < 399 && !wanted.every(({ no }) => ended.has(no))) continue;
        countTransitions(this.coverage, told);
        break;
      }
    }
    const history: History = {
      requests: this.#requests,
      attempts: this.#attempts,
      rows,
      gauges,
      bound: this.#bound,
      retrying: this.#retrying,
      stuck: this.#stuck,
    };
    this.#forget();
    return history;
  }

  #forget(): void {
    this.#requests = [];
    this.#attempts = [];
    this.#retrying = [];
    this.#stuck = [];
    this.#bound = [];
    this.#seen = new Map();
    this.#open.clear();
    this.#running.clear();
    this.#fromMs = this.wallClockMs() - 1_000;
  }

  /** What the request log says of the requests since the last look. */
  async #told(): Promise<ToldRequest[]> {
    const first = this.#requests[0]?.no ?? 0;
    const rows = await this.query<ToldRequest>(
      `select client_request_id as label, bytes_in::int as bytes, outcome, ended_at is not null as ended, decision from gateway.request
       where started_at >= to_timestamp($1::float8 / 1000) and client_request_id like 'proof-%'`,
      [this.#fromMs],
    );
    return rows.filter((row) => (this.#numberOf(row) ?? -1) >= first);
  }

  #numberOf({ label, bytes }: ToldRequest): number | undefined {
    return this.#sockets.turnOf(label, bytes) ?? (label.startsWith(SOCKET_LABEL) ? undefined : Number(label.slice('proof-'.length)));
  }
}

function rowOf({ outcome, ended, decision }: ToldRequest, no: number): Row {
  const attempts = (decision?.attempts ?? []).map(({ account, status }) => ({ account, isReached: status !== undefined && status !== null }));
  return { no, outcome, isEnded: ended, attempts };
}

/** Whether a request may be what tells a gateway that has its doubts of an account how that is now: until then it sends no other there. */
function mayProbe({ trace, attempts }: Seen, account: number): boolean {
  const last = attempts.at(-1);
  if (last === undefined) return trace.end === null;
  return last.account === account && last.committedAt === null;
}

function isAtRest(trace: RequestTrace, last: AttemptTrace | undefined): boolean {
  // A client that does not read may have all of it waiting.
  if (trace.isPaused && trace.status !== null) return true;
  if (last === undefined) return false;
  if (trace.isPaused && (last.isWaiting || last.isWhole)) return true;
  return last.isWaiting && (last.committedAt === null || trace.receivedBytes >= last.sentBytes);
}
