import type { Lane } from '../routes.ts';
import type { Digest } from './digest.ts';

/** So long an owner that did not know an id is not asked for it twice in one request (product section 4). */
const LASTS_S = 180;
/** Ids remembered. Bounded, because ids come from outside. */
const MAX_KEPT = 4_096;

/** Which accounts have lately said, on which lane, that they do not know an id of theirs. */
export class NegativeCache {
  readonly #until = new Map<string, number>();

  add(lane: Lane, digest: Digest, owner: string, nowS: number): void {
    const key = keyOf(lane, digest, owner);
    this.#until.delete(key); // so that it comes to stand last
    this.#until.set(key, nowS + LASTS_S);
    if (this.#until.size > MAX_KEPT) this.#until.delete(this.#until.keys().next().value!);
  }

  has(lane: Lane, digest: Digest, owner: string, nowS: number): boolean {
    const until = this.#until.get(keyOf(lane, digest, owner));
    return until !== undefined && nowS <= until;
  }

  /** The owner has taken it after all. */
  remove(lane: Lane, digest: Digest, owner: string): void {
    if (this.#until.size > 0) this.#until.delete(keyOf(lane, digest, owner));
  }
}

function keyOf(lane: Lane, digest: Digest, owner: string): string {
  return `${lane} ${digest.toString('base64')} ${owner}`;
}
