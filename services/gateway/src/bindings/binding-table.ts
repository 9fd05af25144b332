import { Interned } from '../interned.ts';
import type { Digest } from './digest.ts';
import { BINDING_KINDS, KINDS } from './kinds.ts';
import type { BindingKind } from './kinds.ts';
import type { LifeState } from './life.ts';
import { NOBODY } from './merge.ts';
import type { BindingValue } from './merge.ts';

const NONE = 0xffffffff;
const MAX_CODE = Math.max(...KINDS.map((kind) => BINDING_KINDS[kind].code));
/** Conflicts stand outside the limits of the kinds; this many of them have a place of their own. */
const CONFLICT_PLACES = 1_024;

/**
 * Bindings by digest, each in 51 bytes of typed arrays and an index: a million of them are no work for the garbage collector. The arrays are made once, in their
 * full size; the system gives memory only to what is written to. Entries of one kind form a list by last use, from which the oldest are
 * taken; conflicts are in no list, and so never are.
 */
export class BindingTable {
  readonly #capacity: number;
  readonly #mask: number;
  readonly #index: Uint32Array; // entry + 1 at the place of its key, by linear probing; 0 is free
  readonly #keys: Uint32Array; // four words an entry
  readonly #owners: Uint32Array; // interned; NONE is a conflict
  readonly #namespaces: Uint32Array;
  readonly #kinds: Uint8Array; // codes; 0 is a free entry
  readonly #states: Uint8Array;
  readonly #misses: Uint8Array;
  readonly #epochs: Uint32Array;
  readonly #boundAtS: Uint32Array;
  readonly #touchedAtS: Uint32Array;
  readonly #stateAtS: Uint32Array;
  readonly #older: Uint32Array;
  readonly #newer: Uint32Array; // of a free entry: the next free one
  readonly #oldest = new Uint32Array(MAX_CODE + 1).fill(NONE);
  readonly #newest = new Uint32Array(MAX_CODE + 1).fill(NONE);
  readonly #counts = new Uint32Array(MAX_CODE + 1);
  readonly #names = new Interned();
  #freed = NONE;
  #used = 0; // entries that were ever in use
  #size = 0;
  #conflicts = 0;

  /** @param most  Bindings of all kinds at most, conflicts not counted. */
  constructor(most: number) {
    const capacity = most + CONFLICT_PLACES;
    this.#capacity = capacity;
    const places = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.#mask = places - 1;
    this.#index = new Uint32Array(places);
    this.#keys = new Uint32Array(capacity * 4);
    this.#owners = new Uint32Array(capacity);
    this.#namespaces = new Uint32Array(capacity);
    this.#kinds = new Uint8Array(capacity);
    this.#states = new Uint8Array(capacity);
    this.#misses = new Uint8Array(capacity);
    this.#epochs = new Uint32Array(capacity);
    this.#boundAtS = new Uint32Array(capacity);
    this.#touchedAtS = new Uint32Array(capacity);
    this.#stateAtS = new Uint32Array(capacity);
    this.#older = new Uint32Array(capacity);
    this.#newer = new Uint32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  get conflicts(): number {
    return this.#conflicts;
  }

  /** Bytes of all arrays, whether they have been written to or not. */
  get bytes(): number {
    return this.#index.byteLength + this.#keys.byteLength + this.#capacity * (8 * 4 + 3);
  }

  /** Bindings of a kind, conflicts not counted. */
  count(kind: BindingKind): number {
    return this.#counts[BINDING_KINDS[kind].code]!;
  }

  /** @returns the entry of a digest, or -1; good until the next change of the table */
  find(digest: Digest): number {
    const place = this.#place(digest);
    return this.#index[place]! - 1;
  }

  read(entry: number): BindingValue {
    const owner = this.#owners[entry]!;
    return {
      owner: owner === NONE ? NOBODY : this.#names.textOf(owner),
      namespace: this.#names.textOf(this.#namespaces[entry]!),
      epoch: this.#epochs[entry]!,
      boundAtS: this.#boundAtS[entry]!,
      touchedAtS: this.#touchedAtS[entry]!,
      state: this.#states[entry]! as LifeState,
      stateAtS: this.#stateAtS[entry]!,
      misses: this.#misses[entry]!,
    };
  }

  /**
   * Writes a binding, new or not, and makes it the last used of its kind, or the one that was used longest ago.
   * @returns false when the table is full of conflicts and of other kinds
   */
  put(kind: BindingKind, digest: Digest, value: BindingValue, isOldest = false): boolean {
    const { code } = BINDING_KINDS[kind];
    const place = this.#place(digest);
    let entry = this.#index[place]! - 1;
    if (entry === -1) {
      entry = this.#take();
      if (entry === -1) return false;
      this.#index[place] = entry + 1;
      this.#keys[entry * 4] = digest.readUInt32BE(0);
      this.#keys[entry * 4 + 1] = digest.readUInt32BE(4);
      this.#keys[entry * 4 + 2] = digest.readUInt32BE(8);
      this.#keys[entry * 4 + 3] = digest.readUInt32BE(12);
      this.#kinds[entry] = code;
      this.#size++;
    } else this.#leaveList(entry);
    this.#owners[entry] = value.owner === NOBODY ? NONE : this.#names.numberOf(value.owner);
    this.#namespaces[entry] = this.#names.numberOf(value.namespace);
    this.#states[entry] = value.state;
    this.#misses[entry] = Math.min(value.misses, 255);
    this.#epochs[entry] = value.epoch;
    this.#boundAtS[entry] = value.boundAtS;
    this.#touchedAtS[entry] = value.touchedAtS;
    this.#stateAtS[entry] = value.stateAtS;
    this.#enterList(entry, isOldest);
    return true;
  }

  remove(digest: Digest): void {
    const place = this.#place(digest);
    const entry = this.#index[place]! - 1;
    if (entry !== -1) this.#removeAt(place, entry);
  }

  /** Takes out the binding of a kind that was used longest ago. @returns false when there is none */
  evictOldest(kind: BindingKind): boolean {
    const entry = this.#oldest[BINDING_KINDS[kind].code]!;
    if (entry === NONE) return false;
    this.#removeEntry(entry);
    return true;
  }

  /** Takes out what nobody has used for as long as its kind lasts, at most so many at once. @returns how many */
  sweep(nowS: number, most: number): number {
    let removed = 0;
    for (const kind of KINDS) {
      const { code, lastsS } = BINDING_KINDS[kind];
      for (let entry = this.#oldest[code]!; entry !== NONE && removed < most; entry = this.#oldest[code]!, removed++) {
        if (this.#touchedAtS[entry]! + lastsS >= nowS) break;
        this.#removeEntry(entry);
      }
    }
    return removed;
  }

  /** Takes out all that an account owns. */
  removeOwner(owner: string): void {
    const number = this.#names.find(owner);
    if (number === -1) return;
    for (let entry = 0; entry < this.#used; entry++) if (this.#kinds[entry] !== 0 && this.#owners[entry] === number) this.#removeEntry(entry);
  }

  #take(): number {
    const freed = this.#freed;
    if (freed !== NONE) {
      this.#freed = this.#newer[freed]!;
      return freed;
    }
    return this.#used === this.#capacity ? -1 : this.#used++;
  }

  /** Where in the index a key is, or would come to be. */
  #place(digest: Digest): number {
    const key0 = digest.readUInt32BE(0);
    for (let place = key0 & this.#mask; ; place = (place + 1) & this.#mask) {
      const entry = this.#index[place]! - 1;
      if (entry === -1) return place;
      const at = entry * 4;
      if (
        this.#keys[at] === key0 &&
        this.#keys[at + 1] === digest.readUInt32BE(4) &&
        this.#keys[at + 2] === digest.readUInt32BE(8) &&
        this.#keys[at + 3] === digest.readUInt32BE(12)
      )
        return place;
    }
  }

  #removeEntry(entry: number): void {
    let place = this.#keys[entry * 4]! & this.#mask;
    while (this.#index[place] !== entry + 1) place = (place + 1) & this.#mask;
    this.#removeAt(place, entry);
  }

  #removeAt(place: number, entry: number): void {
    this.#leaveList(entry);
    this.#kinds[entry] = 0;
    this.#newer[entry] = this.#freed;
    this.#freed = entry;
    this.#size--;
    // What stands behind it moves up, so that no chain is ever broken by a hole (Knuth, TAOCP 6.4, algorithm R).
    let hole = place;
    for (let next = (hole + 1) & this.#mask; this.#index[next] !== 0; next = (next + 1) & this.#mask) {
      const home = this.#keys[(this.#index[next]! - 1) * 4]! & this.#mask;
      if (((next - home) & this.#mask) < ((next - hole) & this.#mask)) continue;
      this.#index[hole] = this.#index[next]!;
      hole = next;
    }
    this.#index[hole] = 0;
  }

  #enterList(entry: number, isOldest: boolean): void {
    if (this.#owners[entry] === NONE) {
      this.#conflicts++;
      return;
    }
    const code = this.#kinds[entry]!;
    const older = isOldest ? NONE : this.#newest[code]!;
    const newer = isOldest ? this.#oldest[code]! : NONE;
    this.#older[entry] = older;
    this.#newer[entry] = newer;
    if (older === NONE) this.#oldest[code] = entry;
    else this.#newer[older] = entry;
    if (newer === NONE) this.#newest[code] = entry;
    else this.#older[newer] = entry;
    this.#counts[code]!++;
  }

  #leaveList(entry: number): void {
    if (this.#owners[entry] === NONE) {
      this.#conflicts--;
      return;
    }
    const code = this.#kinds[entry]!;
    const [older, newer] = [this.#older[entry]!, this.#newer[entry]!];
    if (older === NONE) this.#oldest[code] = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest[code] = older;
    else this.#older[newer] = older;
    this.#counts[code]!--;
  }
}
