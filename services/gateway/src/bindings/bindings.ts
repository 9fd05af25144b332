import { BindingTable } from './binding-table.ts';
import type { Digest } from './digest.ts';
import { BINDING_KINDS, KINDS, kindOfCode } from './kinds.ts';
import type { BindingKind, KindLimits } from './kinds.ts';
import { DEAD_S, LIFE, confirmed, denied, lifeAt } from './life.ts';
import { NOBODY, mergeBindings } from './merge.ts';
import type { BindingValue } from './merge.ts';
import { LookUps } from './look-ups.ts';
import { NegativeCache } from './negative-cache.ts';
import type { Lane } from '../routes.ts';

/** A binding on its way into the database, or out of it. */
export interface BindingRow extends BindingValue {
  /** In base64. */
  readonly digest: string;
  /** Code of the kind. */
  readonly kind: number;
}

/** An id to be bound to the account that told it, or that took it. */
export interface NewBinding {
  readonly kind: BindingKind;
  readonly digest: Digest;
  readonly owner: string;
  readonly namespace: string;
}

/** How the wait for durability ended: written, not within the bound, or not possible because the database is away. */
export type BindResult = 'durable' | 'late' | 'suspended';

/** What makes bindings last: the journal, as this room needs it. */
export interface BindingStore {
  /** Whether a write can be durable now. */
  readonly isAvailable: boolean;
  write(binding: BindingRow): void;
  /** What is known of these digests there. */
  read(digests: readonly string[]): Promise<readonly BindingRow[]>;
  /** Resolves when everything written so far is durable. */
  committed(): Promise<void>;
}

export interface BindingsParts {
  readonly store: BindingStore;
  readonly limits: KindLimits;
  /** Epoch seconds to stamp with. */
  readonly nowS: () => number;
  /** Epoch seconds that bindings grow old by. */
  readonly agedS: () => number;
  /** Longest time that the last part of an answer waits for its binding (product section 4). */
  readonly maxWaitMs: number;
}

/** Longest that a request waits to hear whether the database knows an id: to be late costs less than to be sent to another account. */
const MAX_READ_MS = 1_000;
/** How long an id that the database does not know is not asked for again. */
const UNKNOWN_S = 2;
/** Such ids remembered. Bounded, because ids come from outside. */
const MAX_UNKNOWN = 4_096;
/** Uses of a binding are written down at most this often. */
const TOUCH_S = 60;

/**
 * Which account a conversation belongs to, by the ids that tell it. In memory for the hot path, behind it the journal. Of kinds that do not
 * move, the first account that an id is bound to keeps it: an upstream that tells an id of another's gets none of its conversation.
 */
export class Bindings {
  readonly #table: BindingTable;
  readonly #parts: BindingsParts;
  /** Ids that the database does not know either, with the time until which that is believed. */
  readonly #unknown = new Map<string, number>();
  readonly #denied = new NegativeCache();
  readonly #lookUps: LookUps;
  #disputed = 0;

  constructor(parts: BindingsParts) {
    this.#parts = parts;
    this.#table = new BindingTable(KINDS.reduce((sum, kind) => sum + parts.limits[kind], 0));
    this.#lookUps = new LookUps((digests) => this.#read(digests));
  }

  count(kind: BindingKind): number {
    return this.#table.count(kind);
  }

  get conflicts(): number {
    return this.#table.conflicts;
  }

  /** How often an account told an id that is bound to another. */
  get disputed(): number {
    return this.#disputed;
  }

  /** What is known of an id; one that is dead, or has not been used for as long as its kind lasts, is not bound. */
  find(kind: BindingKind, digest: Digest): BindingValue | undefined {
    const entry = this.#table.find(digest);
    if (entry === -1) return undefined;
    const value = this.#table.read(entry);
    return this.#hasExpired(kind, value) || lifeAt(value, this.#parts.nowS()) === LIFE.dead ? undefined : value;
  }

  /** Whether an id was known and has been given up. */
  isDead(kind: BindingKind, digest: Digest): boolean {
    const entry = this.#table.find(digest);
    if (entry === -1) return false;
    const value = this.#table.read(entry);
    return value.state === LIFE.dead && !this.#hasExpired(kind, value);
  }

  /** Whether the owner of an id has said on this lane, a moment ago, that it does not know it. */
  wasDenied(digest: Digest, owner: string, lane: Lane): boolean {
    return this.#denied.has(lane, digest, owner, this.#parts.nowS());
  }

  /** Whether nothing at all is known of an id, and the database might know more: another process bound it, or its place here went to newer ones. */
  isWorthReading(digest: Digest): boolean {
    if (this.#table.find(digest) !== -1 || !this.#parts.store.isAvailable) return false;
    return (this.#unknown.get(digest.toString('base64')) ?? 0) <= this.#parts.nowS();
  }

  /** Takes in what the database knows of these ids, if it says so in time. */
  async readThrough(digests: readonly Digest[]): Promise<void> {
    const wanted = digests.map((digest) => digest.toString('base64'));
    await within(MAX_READ_MS, this.#lookUps.add(wanted), undefined);
  }

  async #read(wanted: readonly string[]): Promise<void> {
    try {
      const rows = await this.#parts.store.read(wanted);
      this.take(rows);
      const found = new Set(rows.map(({ digest }) => digest));
      for (const digest of wanted) if (!found.has(digest)) this.#isUnknown(digest);
    } catch {
      // As good as no answer: the requests go on as ones that continue nothing known.
    }
  }

  /** Takes in what another process knows, as used just now. */
  take(rows: readonly BindingRow[]): void {
    for (const row of rows) this.#take(row, false);
  }

  /** Takes in what another life knew and what has not been used since, what was used last first. */
  takeOlder(rows: readonly BindingRow[]): void {
    for (const row of rows) this.#take(row, true);
  }

  #take(row: BindingRow, isOldest: boolean): void {
    const kind = kindOfCode(row.kind);
    if (kind === undefined) return;
    const digest = Buffer.from(row.digest, 'base64');
    const entry = this.#table.find(digest);
    const known = entry === -1 ? null : this.#table.read(entry);
    // What has expired here is deleted there, and may have been bound anew since, from the first epoch on.
    if (known === null || this.#hasExpired(kind, known)) this.#put(kind, digest, row, isOldest);
    else this.#put(kind, digest, mergeBindings(known, row));
  }

  /** Forgets all that was bound to an account that is no more. */
  forgetAccount(accountId: string): void {
    this.#table.removeOwner(accountId);
  }

  /** Knows the owner of an answer that is still running, so that it can be read or cancelled there. Outlives nothing. */
  note({ kind, digest, owner, namespace }: NewBinding): void {
    if (this.#table.find(digest) === -1) this.#put(kind, digest, { ...firstValue(owner, namespace, this.#parts.nowS()), boundAtS: NOTED });
  }

  /** Forgets what was noted of an answer that came to nothing. */
  forget({ digest, owner }: NewBinding): void {
    const entry = this.#table.find(digest);
    if (entry === -1) return;
    const known = this.#table.read(entry);
    if (known.boundAtS === NOTED && known.owner === owner) this.#table.remove(digest);
  }

  /**
   * Binds ids. What is new is written down; the use of what is bound already is, once a minute.
   * @returns settles when they would outlive a crash, but never later than the bound; null when there is nothing to wait for
   */
  bind(bindings: readonly NewBinding[]): Promise<BindResult> | null {
    let waits = false;
    for (const binding of bindings) if (this.#bind(binding)) waits = true;
    return waits ? this.#durable() : null;
  }

  /** The owner has taken a request that continues the id. */
  confirm(kind: BindingKind, digest: Digest, owner: string, lane: Lane): void {
    this.#denied.remove(lane, digest, owner);
    this.#live(kind, digest, owner, confirmed);
  }

  /** An account has said that it does not know the id. That counts when it is the owner. */
  deny(kind: BindingKind, digest: Digest, owner: string, lane: Lane): void {
    if (this.#live(kind, digest, owner, denied)) this.#denied.add(lane, digest, owner, this.#parts.nowS());
  }

  /** Forgets what has been out of use for too long, at most so many at once: 4 096 are under a millisecond. */
  sweep(most: number): void {
    this.#table.sweep(this.#parts.agedS(), most);
  }

  /** @returns whether something was written that an answer should wait for */
  #bind({ kind, digest, owner, namespace }: NewBinding): boolean {
    const { durable, moves } = BINDING_KINDS[kind];
    const nowS = this.#parts.nowS();
    const entry = this.#table.find(digest);
    const known = entry === -1 ? null : this.#table.read(entry);
    const isSame = known !== null && known.owner === owner && known.namespace === namespace;
    if (known === null || (isSame && known.boundAtS === NOTED)) {
      this.#write(kind, digest, firstValue(owner, namespace, nowS));
      return durable;
    }
    if (isSame && !this.#hasExpired(kind, known)) {
      // A dead id is not revived by being told again.
      if (known.state !== LIFE.dead) this.#touch(kind, digest, known, nowS);
      return false;
    }
    if (!moves && !this.#hasExpired(kind, known)) {
      if (known.state !== LIFE.dead) this.#disputed++;
      return false;
    }
    this.#write(kind, digest, { ...firstValue(owner, namespace, nowS), epoch: known.epoch + 1 });
    return durable;
  }

  /** @returns whether the account owns the id, and so had something to say of it */
  #live(kind: BindingKind, digest: Digest, owner: string, next: typeof confirmed): boolean {
    const entry = this.#table.find(digest);
    const value = entry === -1 ? null : this.#table.read(entry);
    if (value === null || value.owner !== owner || value.boundAtS === NOTED || value.state === LIFE.dead) return false;
    const nowS = this.#parts.nowS();
    const life = next(value, nowS);
    if (life === null) this.#touch(kind, digest, value, nowS);
    else this.#write(kind, digest, { ...value, ...life, touchedAtS: Math.max(nowS, value.touchedAtS) });
    return true;
  }

  #touch(kind: BindingKind, digest: Digest, value: BindingValue, nowS: number): void {
    if (nowS - value.touchedAtS >= TOUCH_S) this.#write(kind, digest, { ...value, touchedAtS: nowS });
    else this.#put(kind, digest, value);
  }

  #write(kind: BindingKind, digest: Digest, value: BindingValue): void {
    this.#put(kind, digest, value);
    const { code, durable } = BINDING_KINDS[kind];
    if (durable) this.#parts.store.write({ ...value, digest: digest.toString('base64'), kind: code });
  }

  #put(kind: BindingKind, digest: Digest, value: BindingValue, isOldest = false): void {
    if (!this.#table.put(kind, digest, value, isOldest) && this.#table.evictOldest(kind)) this.#table.put(kind, digest, value, isOldest);
    if (this.#table.count(kind) > this.#parts.limits[kind]) this.#table.evictOldest(kind);
  }

  /** Conflicts never do. */
  #hasExpired(kind: BindingKind, { owner, state, stateAtS, touchedAtS }: BindingValue): boolean {
    if (owner === NOBODY) return false;
    return state === LIFE.dead ? stateAtS + DEAD_S < this.#parts.nowS() : touchedAtS + BINDING_KINDS[kind].lastsS < this.#parts.agedS();
  }

  #isUnknown(digest: string): void {
    this.#unknown.delete(digest);
    this.#unknown.set(digest, this.#parts.nowS() + UNKNOWN_S);
    if (this.#unknown.size > MAX_UNKNOWN) this.#unknown.delete(this.#unknown.keys().next().value!);
  }

  async #durable(): Promise<BindResult> {
    const { store } = this.#parts;
    if (!store.isAvailable) return 'suspended';
    // The journal gives up only when the server closes with the database away.
    const written = store.committed().then(
      (): BindResult => 'durable',
      (): BindResult => 'suspended',
    );
    return within<BindResult>(this.#parts.maxWaitMs, written, 'late');
  }
}

/** What a promise resolves with, or something else when it takes too long. */
async function within<T>(ms: number, promise: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => (timer = setTimeout(resolve, ms, otherwise)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Time of binding of an id that is only noted. */
const NOTED = 0;

function firstValue(owner: string, namespace: string, nowS: number): BindingValue {
  return { owner, namespace, epoch: 0, boundAtS: nowS, touchedAtS: nowS, state: LIFE.warm, stateAtS: nowS, misses: 0 };
}
