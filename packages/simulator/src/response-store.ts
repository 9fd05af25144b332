import type { Loose } from './json.ts';

/** A response that can be fetched, chained, cancelled and deleted. */
export interface StoredResponse {
  /** The response object as `GET` answers it. */
  response: Loose;
  /** A background response that nobody has fetched yet. */
  waits: boolean;
  /** The items of its own request. */
  readonly input: readonly Loose[];
  /** Everything the model saw and said, for `previous_response_id`. */
  readonly transcript: readonly Loose[];
  /** The portions in which each output item's text was streamed, by item id. */
  readonly pieces: ReadonlyMap<string, readonly string[]>;
}

const MOST = 1_000;

/** The stored responses of one simulator: the newest 1 000, oldest forgotten first. */
export class ResponseStore {
  readonly #byId = new Map<string, StoredResponse>();

  get(id: string): StoredResponse | undefined {
    return this.#byId.get(id);
  }

  put(id: string, stored: StoredResponse): void {
    this.#byId.set(id, stored);
    if (this.#byId.size > MOST) this.#byId.delete(this.#byId.keys().next().value ?? '');
  }

  delete(id: string): boolean {
    return this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
  }
}
