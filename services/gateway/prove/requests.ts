import { Agent } from 'node:http';
import { bodyOf, frameOf } from './body-of.ts';
import type { Changes } from './changes.ts';
import type { Client } from './client.ts';
import { ClientSockets } from './client-sockets.ts';
import type { Coverage } from './coverage.ts';
import type { Gateways } from './gateways.ts';
import type { Asked, AttemptTrace, RequestTrace } from './history.ts';
import { HttpClient } from './http-client.ts';
import type { Key } from './keys.ts';
import type { Life } from './life.ts';
import { Model } from './model.ts';
import type { Turn } from './model.ts';
import type { Plan } from './plan.ts';
import { Retries } from './retries.ts';
import { isAtRest, isOver, mayProbe, newSeen } from './seen.ts';
import type { Seen, Wanted } from './seen.ts';
import type { Standings } from './standings.ts';
import type { Upstream, Watcher } from './upstream.ts';
import type { WorldClock } from './world-clock.ts';

export interface RequestsParts {
  readonly clock: WorldClock;
  readonly changes: Changes;
  readonly gateways: Gateways;
  readonly standings: Standings;
  readonly coverage: Coverage;
}

/** From so many requests in progress on there may be no room for all, and for so long afterwards. */
const CROWD = 15;
const CROWDED_MS = 5_000;
/** For so long a gateway waits for the first frame of a turn, at most; and so long a socket may rest before it is not trusted with a conversation. */
const SILENT_MS = 8_000;
const STALE_MS = 60_000;
/** So much of an answer waits for a client that counts as slow. */
const MUCH = 1_000_000;

/** Every request of a case, from its client to the upstreams that get it, and what is learnt from how it went. */
export class Requests implements Watcher {
  readonly sockets: ClientSockets;
  readonly #parts: RequestsParts;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  #upstreams: readonly Upstream[] = [];
  #no = 0;
  #crowdedUntilMs = 0;

  // Of the case.
  model = new Model();
  // Since the last look.
  all: RequestTrace[] = [];
  attempts: AttemptTrace[] = [];
  readonly retries = new Retries();
  #seen = new Map<number, Seen>();
  /** Those of which something goes on, for their client or at an upstream, so that nobody has to look at all of them at each change. */
  readonly #open = new Set<Seen>();
  readonly #running = new Set<RequestTrace>();

  constructor(parts: RequestsParts) {
    this.#parts = parts;
    this.sockets = new ClientSockets(this);
  }

  /** Whoever gets requests tells this of them. */
  watch(upstreams: readonly Upstream[]): void {
    this.#upstreams = upstreams;
  }

  /** Forgets all that has been looked at. */
  forget(): void {
    this.all = [];
    this.attempts = [];
    this.retries.noted = [];
    this.#seen = new Map();
    this.#open.clear();
    this.#running.clear();
  }

  /** Has all clients leave. */
  end(): void {
    for (const { client } of this.#seen.values()) client?.leave('cut');
    this.sockets.leave();
    this.#agent.destroy();
  }

  // Those that there are.

  get running(): readonly RequestTrace[] {
    return [...this.#running];
  }

  client(no: number): Client {
    return this.#seen.get(no)!.client!;
  }

  attemptsOf(no: number): readonly AttemptTrace[] {
    return this.#seen.get(no)?.attempts ?? [];
  }

  get open(): Iterable<Seen> {
    return this.#open;
  }

  /** One of those that have not come to rest. Whoever is done with is let go of. */
  restless(): Seen | undefined {
    for (const seen of this.#open) {
      // Nothing goes on at an upstream for a client that is no longer there.
      if (isOver(seen)) this.#open.delete(seen);
      else if (!isAtRest(seen)) return seen;
    }
    return undefined;
  }

  /** Whether a large answer is on its way to a client that does not read. */
  isLargeOneOpen(): boolean {
    return this.#open.values().some(({ trace, wanted }) => trace.isPaused && wanted.plan.padding > 0);
  }

  /** A turn of which nothing has come for longer than its gateway waits. */
  givenUp(): Seen | undefined {
    const nowMs = this.#parts.clock.nowMs();
    const isSilent = ({ end, sentBytes, arrivedMs }: AttemptTrace): boolean => end === null && sentBytes === 0 && nowMs - arrivedMs > SILENT_MS;
    return this.#open.values().find(({ trace, attempts }) => trace.asked === 'turn' && attempts.some(isSilent));
  }

  // What commands do with them.

  /** Whether this key may ask for a turn there: on the socket that is open, or on a new one. */
  hasSocketFree(life: Life, key: Key): boolean {
    return this.sockets.isFree(life, key);
  }

  /** Sends a request; nothing is waited for. */
  send(wanted: Wanted): RequestTrace {
    const { clock, gateways, coverage } = this.#parts;
    const { life, key, asked, isStream, claims, plan } = wanted;
    const expected = this.model.expect(claims, {
      keyId: key.id,
      asked,
      life: life.no,
      // The account that an open socket leads to comes before one that is only preferred.
      isFine: (account) => !(asked === 'turn' && this.sockets.isUsed(life, key)) && this.#isFine(account, life.no, asked),
      isAway: gateways.isAway,
      mayHaveMoved: this.#mayHaveMoved(wanted),
    });
    const seen = newSeen(++this.#no, wanted, expected, clock.place());
    const { trace } = seen;
    this.#seen.set(trace.no, seen);
    this.all.push(trace);
    this.#open.add(seen);
    this.#running.add(trace);
    this.retries.sent(trace, this.#running);
    this.#noteLawful(seen);
    seen.client = asked === 'turn' ? this.#askForTurn(seen) : this.#request(seen);
    // Who asks for much reads it slowly.
    if (plan.padding > 0 && isStream) seen.client.pause();
    const { owner, first, isForeign } = expected;
    coverage.count(`asked:${asked}`);
    coverage.count(`strength:${owner !== null ? 'owned' : first !== null ? 'preferred' : isForeign ? 'foreign' : 'free'}`);
    return trace;
  }

  /** Has a client read again that has stopped. */
  readOn(no: number): void {
    const { trace, attempts, client } = this.#seen.get(no)!;
    if (trace.isPaused && (attempts.at(-1)?.sentBytes ?? 0) - trace.receivedBytes >= MUCH) {
      this.#parts.coverage.count('slow_behind_a_megabyte');
      this.#parts.coverage.count(`slow_behind_a_megabyte:${trace.asked}`);
    }
    client!.resume();
  }

  /** Lets more of the answer to a request out. */
  release(no: number, parts: number): void {
    this.planOf(no)!.allowed += parts;
    for (const upstream of this.#upstreams) upstream.advance(no);
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
    const { clock, coverage } = this.#parts;
    const { trace, wanted } = seen;
    const { life, key, claims, isStored, isWarmUp = false } = wanted;
    const socket = this.sockets.take(life, key);
    seen.socket = socket;
    const nth = socket.turns.length;
    const { previousResponse } = claims;
    // Its gateway counts from the end of the turn before, which a client that does not read sees later.
    trace.mayBeStale = nth > 0 && clock.nowMs() - socket.askedMs > STALE_MS - 1_000;
    socket.askedMs = clock.nowMs();
    trace.mayBeTorn = this.model.mayBeTorn(claims, key.id);
    if (isWarmUp) coverage.count('turn:warm_up');
    if (previousResponse !== null) coverage.count(socket.told.has(previousResponse) ? 'turn:same_socket' : 'turn:other_socket');
    return socket.ask(trace, frameOf({ no: trace.no, claims, isStored, isWarmUp, nth }), () => this.#ended(seen));
  }

  // What upstreams and clients tell.

  place(): number {
    return this.#parts.clock.place();
  }

  changed(): void {
    this.#parts.changes.changed();
  }

  planOf(no: number): Plan | undefined {
    return this.#seen.get(no)?.wanted.plan;
  }

  arrived(attempt: Omit<AttemptTrace, 'arrivedAt' | 'arrivedMs'>): AttemptTrace {
    const trace: AttemptTrace = { ...attempt, arrivedAt: this.place(), arrivedMs: this.#parts.clock.nowMs() };
    const seen = this.#seen.get(trace.no)!;
    this.attempts.push(trace);
    seen.attempts.push(trace);
    this.#open.add(seen);
    if (seen.attempts.length > 1) this.retries.began(seen.trace, this.#open);
    this.changed();
    return trace;
  }

  ended(attempt: AttemptTrace): void {
    const trace = this.#seen.get(attempt.no)?.trace;
    if (trace !== undefined) trace.mayBeUnbound ||= attempt.isWhole && this.#parts.gateways.isAway;
    this.#parts.standings.note(attempt, trace);
  }

  exhausted(account: number): void {
    this.#parts.standings.exhausted(account);
  }

  /** A request is over for its client: what it teaches of ids. */
  #ended(seen: Seen): void {
    const { gateways, standings } = this.#parts;
    const { trace, wanted, attempts, socket } = seen;
    const { claims, key, isStored, life, isWarmUp } = wanted;
    this.#running.delete(trace);
    this.#noteLawful(seen);
    const last = attempts.at(-1);
    // While a client does not read, its gateway may not hear yet that an upstream has broken off.
    if (trace.end === 'cut' && last !== undefined) standings.failed(last.account, trace.life);
    if (last === undefined) {
      // A socket may end under a turn that its gateway has not read yet.
      if (trace.asked === 'turn' && trace.end === 'cut' && trace.status === null) trace.mayBeUnlogged = true;
      return;
    }
    const isCertain =
      trace.end === 'whole' &&
      trace.status === 200 &&
      last.isWhole &&
      !trace.wasShut &&
      !trace.mayBeUnbound &&
      !gateways.isAway &&
      !life.isCutOff() &&
      !key.isRevoked;
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
      this.model.toldInSession(turn, trace.life, certain, others || this.#upstreams.some(({ number }) => standings.mayBeExhausted(number)));
    }
    const isDenial = !trace.isOurs && (trace.status === 400 || trace.status === 404) && (trace.asked === 'responses' || trace.asked === 'turn');
    if (claims.previousResponse !== null && isDenial) this.model.denied(claims.previousResponse);
  }

  // What is true as a request is sent.

  /** Whether nothing keeps a gateway from giving a request to an account that it prefers. */
  #isFine(account: number, life: number, asked: Asked): boolean {
    const { standings } = this.#parts;
    const { isAlive, mode } = this.#upstreams[account]!;
    if (!isAlive || mode !== 'ok' || !standings.isClear(account)) return false;
    return !standings.isDoubted(life, account, asked) || this.#open.values().every((seen) => !mayProbe(seen, account));
  }

  /** Whether an answer that its client has not seen the end of may have bound the session of a request anew. */
  #mayHaveMoved({ key, claims }: Wanted): boolean {
    if (claims.session === null) return false;
    for (const { trace, attempts } of this.#open)
      if (trace.keyId === key.id && trace.claims.session === claims.session && attempts.at(-1)?.isWhole === true) return true;
    return false;
  }

  /** Notes what would make a refusal lawful, as it is now. */
  #noteLawful({ trace, wanted }: Seen): void {
    const { standings, clock } = this.#parts;
    const { owner } = trace.expected;
    trace.mayBeRevoked ||= wanted.key.isRevoked;
    if (this.#running.size >= CROWD) this.#crowdedUntilMs = clock.nowMs() + CROWDED_MS;
    trace.mayBeShed ||= this.#crowdedUntilMs > clock.nowMs();
    const exhausted = this.#upstreams.filter(({ number }) => standings.mayBeExhausted(number)).length;
    trace.mayBeExhausted ||= owner === null ? exhausted > 0 : standings.mayBeExhausted(owner);
    trace.mayFindNobody ||= exhausted === this.#upstreams.length;
  }
}
