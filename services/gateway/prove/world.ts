import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseTarget } from '@switchyard/database';
import { Changes } from './changes.ts';
import { Coverage } from './coverage.ts';
import { Gateways } from './gateways.ts';
import type { History } from './history.ts';
import { Keys } from './keys.ts';
import type { Key } from './keys.ts';
import { UPKEEP_MS } from './life.ts';
import type { Life } from './life.ts';
import { LinkedAccounts } from './linked-accounts.ts';
import { Looks } from './looks.ts';
import { Model } from './model.ts';
import { ALL_PARTS } from './plan.ts';
import { Requests } from './requests.ts';
import { describe } from './seen.ts';
import { Standings, TROUBLE_MS } from './standings.ts';
import { Upstream } from './upstream.ts';
import { WorldClock } from './world-clock.ts';

/** Accounts of a world. */
const ACCOUNTS = 4;
/** Turns of the event loop in which what lies in a socket has been read, and understood, for certain; also a frame of some megabytes. */
const READ_TURNS = { usual: 4, large: 128 };

export interface WorldOptions {
  /** A migrated database of its own. */
  readonly connection: DatabaseTarget;
  /** A folder of its own. */
  readonly home: string;
  readonly coverage: Coverage;
}

/** Real gateways on a real database, the upstreams behind them and the clients before them, with all that is known of one case. */
export class World implements AsyncDisposable {
  readonly coverage: Coverage;
  /** Milliseconds by what they went by in. */
  readonly spent = new Coverage();
  readonly gateways: Gateways;
  readonly upstreams: readonly Upstream[];
  readonly keys: Keys;
  readonly requests: Requests;
  readonly #clock = new WorldClock();
  readonly #changes = new Changes();
  readonly #accounts: LinkedAccounts;
  readonly #standings: Standings;
  readonly #looks: Looks;

  constructor({ connection, home, coverage }: WorldOptions) {
    const clock = this.#clock;
    const changes = this.#changes;
    this.coverage = coverage;
    this.gateways = new Gateways({ connection, home, clock });
    this.keys = new Keys(this.gateways);
    this.#accounts = new LinkedAccounts(this.gateways);
    this.#standings = new Standings(ACCOUNTS, clock);
    this.requests = new Requests({ clock, changes, coverage, gateways: this.gateways, standings: this.#standings });
    this.upstreams = Array.from({ length: ACCOUNTS }, (_, i) => new Upstream(i, 'abcd'[i]!, this.requests));
    this.requests.watch(this.upstreams);
    this.#looks = new Looks({ clock, changes, coverage, gateways: this.gateways, accounts: this.#accounts, requests: this.requests });
  }

  /** Starts the upstreams and the first gateway. */
  async open(): Promise<void> {
    for (const upstream of this.upstreams) await upstream.start();
    await this.gateways.open();
    for (const upstream of this.upstreams) await this.#accounts.link(upstream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.requests.end();
    await this.gateways.closeAll();
    for (const upstream of this.upstreams) await upstream.die();
    await this.gateways[Symbol.asyncDispose]();
  }

  /** What must be true of ids, in this case. */
  get model(): Model {
    return this.requests.model;
  }

  /** Does something, and adds up how long that takes. */
  async timed<T>(what: string, run: () => Promise<T>): Promise<T> {
    const beganMs = performance.now();
    const result = await run();
    this.spent.count(what, performance.now() - beganMs);
    return result;
  }

  // What may happen beside requests.

  /** Lets time go by at once, on both clocks. Every gateway has worked out what that changes when this resolves. */
  async skip(ms: number): Promise<void> {
    const { requests } = this;
    this.#clock.skip(ms);
    for (const trace of requests.running) trace.mayBeStalled ||= trace.isPaused;
    await sleep(2 * UPKEEP_MS);
    // It looks at its sockets more seldom; what is said meanwhile on one that it is about to give up would be said to nobody.
    await this.until(
      () => requests.givenUp() === undefined,
      () => `not given up: ${describe(requests.givenUp()!)}`,
    );
  }

  /** Sets the wall clock alone, to so much ahead of the other one; the same holds. */
  async setWall(ms: number): Promise<void> {
    this.#clock.setWall(ms);
    this.#looks.clockSet();
    await sleep(2 * UPKEEP_MS);
  }

  /** Ends a gateway, in order or at once, and sees whether what its clients saw is bound. Others stay. */
  async endLife(life: Life, how: 'close' | 'crash'): Promise<void> {
    for (const trace of this.requests.all) {
      if (trace.life !== life.no) continue;
      if (trace.end === null) trace.wasShut = true;
      if (how === 'crash') trace.mayBeUnlogged = true;
    }
    await this.gateways.end(life, how);
    await this.#looks.noteBound();
  }

  /** Takes an account away, with all that it owns, and makes it one again under another name. */
  async replaceAccount(upstream: Upstream): Promise<void> {
    this.model.forget(upstream.number);
    this.trouble(upstream.number);
    // What runs there is broken off.
    for (const trace of this.requests.running) trace.wasShut = true;
    await this.#accounts.unlink(upstream);
    this.model.forget(upstream.number);
    await this.#accounts.link(upstream);
  }

  /** Ends a key. */
  async revoke(key: Key): Promise<void> {
    this.model.forgetKey(key.id);
    for (const trace of this.requests.running) if (trace.keyId === key.id) trace.mayBeRevoked = true;
    await this.keys.revoke(key);
  }

  /** Has an upstream take connections again. Nobody has seen who failed to reach it meanwhile. */
  async revive(upstream: Upstream): Promise<void> {
    if (upstream.isAlive) return;
    await upstream.start();
    for (const { no } of this.gateways.lives) this.#standings.failed(upstream.number, no);
  }

  /** Something was wrong with an account just now. */
  trouble(account: number): void {
    this.#standings.trouble(account);
  }

  // Rest.

  /** Something has not come to rest in time, so that nothing that follows would say much. */
  get isStuck(): boolean {
    return this.#changes.stuck.length > 0;
  }

  /** Waits until something holds; what does not for too long is written down. */
  until(holds: () => boolean, otherwise: () => string): Promise<void> {
    return this.#changes.until(holds, otherwise);
  }

  /** Waits until every request has ended or waits for its gate, with all that its client can have got. */
  async rest(): Promise<void> {
    const { requests } = this;
    // What has been closed tells of it in a later turn of the event loop.
    await new Promise(setImmediate);
    await this.until(
      () => requests.restless() === undefined,
      () => `no rest: ${describe(requests.restless()!)}`,
    );
    // What an upstream has written is read by its gateway in a later turn too; until then it would count as silent for all the time that is skipped.
    const turns = requests.isLargeOneOpen() ? READ_TURNS.large : READ_TURNS.usual;
    for (let n = 0; n < turns; n++) await new Promise(setImmediate);
    this.#standings.rested();
    requests.retries.rested(requests.running);
  }

  /** Lets everything run to its end. */
  async quiesce(): Promise<void> {
    const { requests, upstreams } = this;
    for (const { no } of requests.running) {
      requests.readOn(no);
      requests.release(no, ALL_PARTS);
    }
    await this.until(
      () => requests.running.length === 0 && upstreams.every(({ open }) => open === 0),
      () => `never quiet: ${[...requests.open].map(describe).join(' ')} ${upstreams.map(({ open }) => open).join()}`,
    );
  }

  // Cases.

  /** Forgets the case before, and begins one with new keys and accounts of which nothing is held against. */
  async beginCase(): Promise<void> {
    this.requests.model = new Model();
    this.requests.sockets.leave();
    for (const upstream of this.upstreams) {
      upstream.mode = 'ok';
      await this.revive(upstream);
    }
    this.#clock.setWall(0);
    // Twice, since the wall clock may be set back far enough for a block of the case before to hold again.
    await this.skip(2 * TROUBLE_MS);
    this.#standings.forgive();
    this.gateways.log.length = 0;
    await this.keys.begin();
    this.#looks.begin();
  }

  /** All that was seen since the last look, once nothing runs; the next look begins after it. */
  history(): Promise<History> {
    return this.#looks.take();
  }

  /** Throws away what earlier cases have left, and sets the clocks right, so that neither the database nor the date runs away. */
  async sweep(): Promise<void> {
    const { gateways } = this;
    await gateways.closeAll();
    this.#clock.reset();
    await gateways.query('truncate gateway.request');
    await gateways.query('delete from gateway.binding');
    await gateways.query('delete from gateway.key where revoked_at is not null');
    await gateways.query('delete from gateway.quota');
    this.#standings.forget();
    await gateways.add();
  }
}
