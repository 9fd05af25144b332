import { fingerprintOf, hasMember, idsOf } from './json-members.ts';

/** A call is known by its id for this many of one answer; no more are looked for. */
export const MAX_CALLS = 16;
/** A finished item that is larger is not looked at; encrypted reasoning is some ten thousand bytes. */
export const ITEM_BYTES = 262_144;
/** The event that tells a whole item of the output. */
export const ITEM_DONE = 'response.output_item.done';

/** Whether a piece of JSON holds a compaction: what stands for all that was said before, and only its account can read (codex-protocol 5). */
export function holdsCompaction(json: Buffer): boolean {
  return hasMember(json, '"type"', 'compaction');
}

/** What the items of an answer tell that a later request may come back with. */
export interface ItemsTold {
  /** Calls that it asks the client to make. */
  readonly calls: readonly string[];
  /** Fingerprint of its last encrypted item. */
  readonly encrypted: string | null;
  /** The conversation was compacted: what follows can go on only where that was done. */
  readonly isCompaction: boolean;
}

export const NO_ITEMS_TOLD: ItemsTold = { calls: [], encrypted: null, isCompaction: false };

/** Learns that from the finished items, one by one. */
export class ItemFacts {
  readonly #calls: string[] = [];
  #encrypted: string | null = null;
  #isCompaction = false;

  /** Of one that had no items, too. */
  get told(): ItemsTold {
    return { calls: this.#calls, encrypted: this.#encrypted, isCompaction: this.#isCompaction };
  }

  /** @param item  The event of a finished item, at most `ITEM_BYTES` of it. */
  look(item: Buffer): void {
    const call = idsOf(item, '"call_id"', 1)[0];
    if (call !== undefined && this.#calls.length < MAX_CALLS) this.#calls.push(call);
    this.#encrypted = fingerprintOf(item) ?? this.#encrypted;
    this.#isCompaction ||= holdsCompaction(item);
  }
}
