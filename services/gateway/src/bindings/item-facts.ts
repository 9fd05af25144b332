import { fingerprintOf, idsOf } from './json-members.ts';

/** A call is known by its id for this many of one answer; no more are looked for. */
export const MAX_CALLS = 16;
/** A finished item that is larger is not looked at; encrypted reasoning is some ten thousand bytes. */
export const ITEM_BYTES = 262_144;
/** The event that tells a whole item of the output. */
export const ITEM_DONE = 'response.output_item.done';

/** What the finished items of one answer tell that a later request may come back with: the calls, and the last encrypted item. */
export class ItemFacts {
  readonly calls: string[] = [];
  /** Fingerprint. */
  encrypted: string | null = null;

  /** @param item  The event of a finished item, at most `ITEM_BYTES` of it. */
  look(item: Buffer): void {
    const call = idsOf(item, '"call_id"', 1)[0];
    if (call !== undefined && this.calls.length < MAX_CALLS) this.calls.push(call);
    this.encrypted = fingerprintOf(item) ?? this.encrypted;
  }
}
