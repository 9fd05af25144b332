import type { Digest } from './digest.ts';

const MAX_KEPT = 2_048;
/** A longer one is not kept; codex's are a few hundred characters. */
const MAX_LENGTH = 1_024;

/**
 * The turn state that each of the last responses came with. An owner that does not find a response by its id alone may find it by the state
 * of its turn, so that is what it is asked with once more (product section 4). In memory only: a turn is short.
 */
export class TurnStates {
  readonly #states = new Map<string, string>();

  set(response: Digest, turnState: string): void {
    if (turnState.length > MAX_LENGTH) return;
    this.#states.set(response.toString('base64'), turnState);
    if (this.#states.size > MAX_KEPT) this.#states.delete(this.#states.keys().next().value!);
  }

  get(response: Digest): string | null {
    return this.#states.get(response.toString('base64')) ?? null;
  }
}
