import { Agent } from 'node:http';
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
import { addAccount, createKey, endKey, removeAccount } from '../src/index.ts';
import { Client } from './client.ts';
import type { Coverage } from './coverage.ts';
import type { Asked, AttemptTrace, Claims, Expected, History, RequestTrace, Row } from './history.ts';
import { openLife } from './life.ts';
import type { Life } from './life.ts';
import { Model } from './model.ts';
import type { Turn } from './model.ts';
import { ALL_PARTS } from './plan.ts';
import type { Plan } from './plan.ts';
import { QUOTA_S, Upstream } from './upstream.ts';
import type { Watcher } from './upstream.ts';

/** Accounts of a world. */
const ACCOUNTS = 4;
/** Requests in progress at most, but for bursts. */
export const MAX_RUNNING = 6;
/** Longest that a step may take to come to rest: far beyond what any wait of the gateway lasts here. */
const REST_MS = 30_000;
/** From so many requests in progress on there may be no room for all, and for so long afterwards. */
const CROWD = 15;
const CROWDED_MS = 5_000;
/** What time has changed is seen after so long at the latest. */
const SEEN_MS = 3_000;
/** After so long nothing is held against an account any more, whatever it did: a health at its worst decays for sixteen minutes. */
export const TROUBLE_MS = 1_200_000;

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
  readonly #options: WorldOptions;
  readonly #config: Config;
  readonly #vault: Vault;
  readonly #logger: ReturnType<typeof recordingLogger>;
  readonly #pool: pg.Pool;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #waiting = new Set<() => void>();
  readonly #accountIds: string[] = [];
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
  #plans = new Map<number, Plan>();
  #clients = new Map<number, Client>();
  #wanted = new Map<number, Wanted>();
  #requests: RequestTrace[] = [];
  #attempts: AttemptTrace[] = [];
  #retrying: { active: number; retries: number }[] = [];
  #stuck: string[] = [];
  #bound: History['bound'][number][] = [];
  #troubledUntil: number[] = Array.from({ length: ACCOUNTS }, () => 0);
  #quotaUntil: number[] = Array.from({ length: ACCOUNTS }, () => 0);
  /** When each last had some trouble, and when it was last out of quota, in time that cannot be skipped. */
  readonly #troubleSeenMs: number[] = Array.from({ length: ACCOUNTS }, () => -Infinity);
  readonly #quotaSeenMs: number[] = Array.from({ length: ACCOUNTS }, () => -Infinity);
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
    this.log = this.#logger.records;
    this.#config = loadConfig({ env: { SWITCHYARD_HOME: options.home, SWITCHYARD_BOOTSTRAP_KEY: 'sk-test-bootstrap-not-a-secret' } }).config;
    this.#vault = openVault({ home: options.home, loopback: true, log: this.#logger });
    const { connection } = options;
    this.#pool = new pg.Pool({ ...('url' in connection ? { connectionString: connection.url } : connection), max: 1, idleTimeoutMillis: 0 });
    this.#pool.on('error', () => {});
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
    for (const client of this.#clients.values()) client.leave();
    for (const life of this.#lives) await life.close();
    for (const upstream of this.upstreams) await upstream.die();
    this.#agent.destroy();
    await this.#pool.end();
  }

  // Time and order.

  place(): number {
    return ++this.#places;
  }

  nowMs = (): number => performance.now() + this.#skippedMs;

  wallClockMs = (): number => Date.now() + this.#skippedMs + this.#wallMs;

  /** Lets time go by at once, on both clocks. */
  skip(ms: number): void {
    this.#noteTime();
    this.#skippedMs += ms;
  }

  /** Sets the wall clock alone, to so much ahead of the other one. */
  setWall(ms: number): void {
    this.#noteTime();
    this.#wallMs = ms;
    this.#fromMs = Math.min(this.#fromMs, this.wallClockMs() - 1_000);
  }

  /** Gateways see once a second that time has gone by. */
  #noteTime(): void {
    for (const [i, untilMs] of this.#quotaUntil.entries()) if (untilMs > this.wallClockMs()) this.#quotaSeenMs[i] = performance.now();
    for (const [i, untilMs] of this.#troubledUntil.entries()) if (untilMs > this.nowMs()) this.#troubleSeenMs[i] = performance.now();
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
      if (isAway && tries % 100 === 0)
        for (const life of this.#lives) {
          await this.#terminate(life.name);
          await life.askDatabase();
        }
      if (tries > REST_MS / 10) throw new Error(`a gateway did not see that the database is ${isAway ? 'away' : 'back'}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until every gateway knows what has been changed through the first of them. */
  async #spread(isKnown: (life: Life) => Promise<boolean>): Promise<void> {
    for (const life of this.#lives) {
      for (let tries = 0; !(await isKnown(life)); tries++) {
        if (tries > REST_MS / 10) throw new Error('a gateway did not hear of a change');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  // Accounts and keys.

  /** Makes an upstream an account of the gateways. */
  async link(upstream: Upstream): Promise<void> {
    upstream.name = `${'abcd'[upstream.number]!}${++this.#renamed}`;
    const { id } = await addAccount(this.#lives[0]!.gateway.control, {
      name: upstream.name,
      kind: 'openai-compatible',
      baseUrl: `http://127.0.0.1:${upstream.port}/v1`,
      credential: `sk-test-account-${upstream.number}-not-a-secret`,
      models: ['m'],
      priority: 100,
      organization: null,
      project: null,
      headers: {},
      websocket: true,
      maxInFlight: null,
      softInFlight: null,
      reservePercent: 0,
      modelMap: {},
    });
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

  /** Something was wrong with an account just now. */
  trouble(account: number): void {
    this.#troubledUntil[account] = this.nowMs() + TROUBLE_MS;
  }

  isFine = (account: number): boolean => {
    const { isAlive, mode } = this.upstreams[account]!;
    return isAlive && mode === 'ok' && this.#troubledUntil[account]! < this.nowMs() && this.#troubleSeenMs[account]! < performance.now() - SEEN_MS;
  };

  /** Whether an account may be taken to be out of quota. */
  mayBeExhausted(account: number): boolean {
    return this.#quotaUntil[account]! > this.wallClockMs() || this.#quotaSeenMs[account]! > performance.now() - SEEN_MS;
  }

  // The database.

  async query<R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.#pool.query<R>(text, values)).rows;
  }

  // Requests.

  get running(): readonly RequestTrace[] {
    return this.#requests.filter(({ end }) => end === null);
  }

  client(no: number): Client {
    return this.#clients.get(no)!;
  }

  planOf(no: number): Plan | undefined {
    return this.#plans.get(no);
  }

  attemptsOf(no: number): readonly AttemptTrace[] {
    return this.#attempts.filter((attempt) => attempt.no === no);
  }

  /** Sends a request; nothing is waited for. */
  send(wanted: Wanted): RequestTrace {
    const { life, key, asked, isStream, claims, isStored, plan, target } = wanted;
    const expected = this.model.expect(claims, key.id, asked, life.no, this.isFine, this.isAway);
    const trace = this.#open(wanted, expected);
    this.#noteLawful(trace, wanted);
    this.#wanted.set(trace.no, wanted);
    const path = { responses: '/v1/responses', chat: '/v1/chat/completions', compact: '/v1/responses/compact', path: '', turn: '' }[asked];
    this.#plans.set(trace.no, plan);
    this.#clients.set(
      trace.no,
      new Client(
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
        () => this.#ended(trace, wanted),
      ),
    );
    this.coverage.count(
      `strength:${trace.expected.owner !== null ? 'owned' : trace.expected.first !== null ? 'preferred' : trace.expected.isForeign ? 'foreign' : 'free'}`,
    );
    return trace;
  }

  /** Lets more of the answer to a request out. */
  release(no: number, parts: number): void {
    const plan = this.#plans.get(no)!;
    plan.allowed += parts;
    for (const upstream of this.upstreams) upstream.advance(no);
  }

  arrived(attempt: Omit<AttemptTrace, 'arrivedAt'>): AttemptTrace {
    const trace: AttemptTrace = { ...attempt, arrivedAt: this.place() };
    this.#attempts.push(trace);
    if (this.attemptsOf(trace.no).length > 1) this.#noteRetries(trace.no);
    this.changed();
    return trace;
  }

  exhausted(account: number): void {
    this.#quotaUntil[account] = Math.max(this.#quotaUntil[account]!, this.wallClockMs() + QUOTA_S * 1_000 + 1_000);
  }

  /** A request is being tried again: how many are, of how many. */
  #noteRetries(tried: number): void {
    const life = this.#requests.find(({ no }) => no === tried)?.life;
    // Each gateway has a budget of its own.
    const running = this.running.filter((trace) => trace.life === life);
    // A retry that waits before its head is in progress for certain.
    const retries = running.filter(({ no }) => {
      const all = this.attemptsOf(no);
      const last = all.at(-1);
      return all.length > 1 && last!.status === null && last!.end === null;
    });
    this.#retrying.push({ active: Math.max(running.length, this.#mostRunning.get(life ?? 0) ?? 0), retries: retries.length });
  }

  #open({ life, key, asked, isStream, claims }: Wanted, expected: Expected): RequestTrace {
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
    };
    this.#requests.push(trace);
    this.#mostRunning.set(life.no, Math.max(this.#mostRunning.get(life.no) ?? 0, this.running.filter((each) => each.life === life.no).length));
    return trace;
  }

  /** Notes what would make a refusal lawful, as it is now. */
  #noteLawful(trace: RequestTrace, { key }: Wanted): void {
    const { owner } = trace.expected;
    trace.mayBeRevoked ||= key.isRevoked;
    if (this.running.length >= CROWD) this.#crowdedUntilMs = this.nowMs() + CROWDED_MS;
    trace.mayBeShed ||= this.#crowdedUntilMs > this.nowMs();
    const exhausted = this.upstreams.filter(({ number }) => this.mayBeExhausted(number)).length;
    trace.mayBeExhausted ||= owner === null ? exhausted > 0 : this.mayBeExhausted(owner);
    trace.mayFindNobody ||= exhausted === ACCOUNTS;
  }

  /** A request is over for its client: what it teaches of ids. */
  #ended(trace: RequestTrace, wanted: Wanted): void {
    const { claims, key, isStored, life } = wanted;
    this.#noteLawful(trace, wanted);
    const attempts = this.attemptsOf(trace.no);
    for (const attempt of attempts) {
      const wentWell = attempt.status !== null && attempt.status < 300 && attempt.committedAt !== null && attempt.end !== 'cut' && attempt.end !== 'reset';
      if (!wentWell) this.trouble(attempt.account);
    }
    const last = attempts.at(-1);
    if (last === undefined) return;
    const isCertain = trace.end === 'whole' && trace.status === 200 && last.isWhole && !trace.wasShut && !this.isAway && !life.isCutOff() && !key.isRevoked;
    for (const attempt of attempts) {
      if (attempt.status !== 200 || attempt.committedAt === null) continue;
      const certain = isCertain && attempt === last;
      const turn: Turn = {
        keyId: key.id,
        session: trace.asked === 'path' || trace.asked === 'chat' ? null : claims.session,
        issuer: attempt.account,
        issued: attempt.issued,
        asked: claims.turnState,
        isCompaction: trace.asked === 'compact',
      };
      if (isStored || trace.asked !== 'responses') this.model.told(turn, trace.life, certain);
      else this.model.told({ ...turn, issued: { ...attempt.issued, responseId: null } }, trace.life, certain);
      const others = this.#requests.some((other) => other !== trace && other.end === null && other.claims.session === claims.session);
      this.model.toldInSession(turn, trace.life, certain, others || this.upstreams.some(({ number }) => this.mayBeExhausted(number)));
    }
    if (claims.previousResponse !== null && trace.account !== null && (trace.status === 400 || trace.status === 404) && trace.asked === 'responses')
      this.model.denied(claims.previousResponse);
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
    const restless = (): RequestTrace | undefined => this.#requests.find((trace) => !this.#isAtRest(trace));
    await this.until(
      () => restless() === undefined,
      () => `no rest: ${this.#describe(restless()!)}`,
    );
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

  #isAtRest(trace: RequestTrace): boolean {
    const attempts = this.attemptsOf(trace.no);
    // Nothing goes on at an upstream for a client that is no longer there.
    if (trace.end !== null) return attempts.every(({ end }) => end !== null);
    const last = attempts.at(-1);
    if (last === undefined) return false;
    // A client that does not read may have all of it waiting.
    if (trace.isPaused && (last.isWaiting || last.isWhole || trace.status !== null)) return true;
    return last.isWaiting && (last.committedAt === null || trace.receivedBytes >= last.sentBytes);
  }

  #describe(trace: RequestTrace): string {
    const { no, asked, isStream, status, receivedBytes, isPaused, expected } = trace;
    const attempts = this.attemptsOf(no).map(({ accountName, status: told, sentBytes, end, isWaiting, isWhole, committedAt }) => ({
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
    for (const upstream of this.upstreams) {
      upstream.mode = 'ok';
      await upstream.start();
    }
    this.setWall(0);
    // Twice, since the wall clock may be set back far enough for a block of the case before to hold again.
    this.skip(2 * TROUBLE_MS);
    this.#troubledUntil.fill(0);
    this.#quotaUntil.fill(0);
    if (this.keys.length > 0) await this.query('update gateway.key set revoked_at = now() where id = any($1)', [this.keys.map(({ id }) => id)]);
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
    this.#lives = [await this.openLife()];
  }

  /** Lets everything run to its end. */
  async quiesce(): Promise<void> {
    for (const trace of this.running) {
      this.#clients.get(trace.no)!.resume();
      this.release(trace.no, ALL_PARTS);
    }
    await this.until(
      () => this.running.length === 0 && this.upstreams.every(({ open }) => open === 0),
      () => `never quiet: ${this.running.map((trace) => this.#describe(trace)).join(' ')} ${this.upstreams.map(({ open }) => open).join()}`,
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
    const sum = async (): Promise<string | null> => {
      const all = await Promise.all(this.#lives.map((life) => life.gauges()));
      for (const name of Object.keys(gauges)) delete gauges[name];
      for (const each of all) for (const [name, value] of Object.entries(each)) gauges[name] = (gauges[name] ?? 0) + value;
      const held = Object.entries(gauges).find(([, value]) => value !== 0);
      return held === undefined ? null : held[0];
    };
    // What an answer's end gives back is given back in a later turn of the event loop.
    for (let tries = 0; tries < 200 && (await sum()) !== null; tries++) await new Promise((resolve) => setTimeout(resolve, 1));
    let rows: Row[] | null = null;
    if (!this.isAway) {
      await this.noteBound();
      const wanted = this.#requests.filter(({ mayBeUnlogged }) => !mayBeUnlogged);
      for (let tries = 0; tries < 400; tries++) {
        rows = await this.#rows();
        const ended = new Set(rows.filter(({ isEnded }) => isEnded).map(({ no }) => no));
        if (wanted.every(({ no }) => ended.has(no))) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
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
    this.#plans = new Map();
    this.#clients = new Map();
    this.#wanted = new Map();
    this.#fromMs = this.wallClockMs() - 1_000;
  }

  async #rows(): Promise<Row[]> {
    const rows = await this.query<{ label: string; outcome: string; ended: boolean; decision: Decision | null }>(
      `select client_request_id as label, outcome, ended_at is not null as ended, decision from gateway.request
       where started_at >= to_timestamp($1::float8 / 1000) and client_request_id like 'proof-%'`,
      [this.#fromMs],
    );
    const first = this.#requests[0]?.no ?? 0;
    return rows
      .map(({ label, outcome, ended, decision }) => ({
        no: Number(label.slice('proof-'.length)),
        outcome,
        isEnded: ended,
        attempts: (decision?.attempts ?? []).map(({ account, status }) => ({ account, isReached: status !== undefined && status !== null })),
      }))
      .filter(({ no }) => no >= first);
  }
}

interface Decision {
  readonly attempts: readonly { readonly account: string; readonly status?: number | null }[];
}

function bodyOf(asked: Asked, claims: Claims, isStream: boolean, isStored: boolean): object {
  if (asked === 'chat') return { model: 'm', stream: isStream, messages: [{ role: 'user', content: 'hello' }] };
  const input = [
    { type: 'message', role: 'user', content: 'hello' },
    ...(claims.encrypted === null ? [] : [{ type: claims.isFollowUp ? 'compaction' : 'reasoning', encrypted_content: claims.encrypted }]),
    ...claims.calls.map((call) => ({ type: 'function_call_output', call_id: call, output: 'done' })),
  ];
  return {
    model: 'm',
    input,
    ...(asked === 'responses' ? { stream: isStream, ...(isStored ? {} : { store: false }) } : {}),
    ...(claims.previousResponse === null ? {} : { previous_response_id: claims.previousResponse }),
  };
}
