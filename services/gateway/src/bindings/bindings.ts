/** The owner of a response id. */
export interface Binding {
  readonly responseId: string;
  readonly accountId: string;
  readonly keyId: string;
}

/** How the wait for durability ended: written, not within the bound, or not possible because the database is away. */
export type BindResult = 'durable' | 'late' | 'suspended';

/** What makes bindings last: the journal, as this room needs it. */
export interface BindingStore {
  /** Whether a write can be durable now. */
  readonly isAvailable: boolean;
  write(binding: Binding): void;
  /** Resolves when everything written so far is durable. */
  committed(): Promise<void>;
}

/** Longest time that the last part of an answer waits for its binding (product section 4). */
const MAX_WAIT_MS = 50;

/**
 * Which account made which response. In memory for the hot path, behind it the journal; least recently bound go first when
 * the table is full. The first account that an id is bound to keeps it, as in the database: an upstream that tells an id of another's gets
 * none of its conversation.
 */
export class Bindings {
  readonly #byResponse = new Map<string, Binding>();
  readonly #store: BindingStore;
  readonly #max: number;
  #disputed = 0;

  constructor(store: BindingStore, max: number) {
    this.#store = store;
    this.#max = max;
  }

  get size(): number {
    return this.#byResponse.size;
  }

  /** How often an account told an id that is bound to another. */
  get disputed(): number {
    return this.#disputed;
  }

  /** Takes over what an earlier life left, oldest first. */
  load(bindings: readonly Binding[]): void {
    for (const binding of bindings) this.#keep(binding);
  }

  find(responseId: string): Binding | undefined {
    return this.#byResponse.get(responseId);
  }

  forgetAccount(accountId: string): void {
    for (const [id, binding] of this.#byResponse) if (binding.accountId === accountId) this.#byResponse.delete(id);
  }

  /** Knows the owner of an answer that is still running, so that it can be read or cancelled there. Outlives nothing. */
  note(binding: Binding): void {
    this.#keep(binding);
  }

  /** Forgets what was noted of an answer that came to nothing. */
  forget({ responseId, accountId }: Binding): void {
    if (this.#byResponse.get(responseId)?.accountId === accountId) this.#byResponse.delete(responseId);
  }

  /** Binds an id, and waits until the binding would outlive a crash, but never longer than the bound. */
  async bind(binding: Binding): Promise<BindResult> {
    if (this.#keep(binding)) this.#store.write(binding);
    else this.#disputed++;
    if (!this.#store.isAvailable) return 'suspended';
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<BindResult>((resolve) => (timer = setTimeout(resolve, MAX_WAIT_MS, 'late')));
    try {
      // The journal gives up only when the server closes with the database away.
      const written = this.#store.committed().then(
        (): BindResult => 'durable',
        (): BindResult => 'suspended',
      );
      return await Promise.race([written, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @returns whether the id is this account's now */
  #keep(binding: Binding): boolean {
    const owner = this.#byResponse.get(binding.responseId)?.accountId;
    if (owner !== undefined && owner !== binding.accountId) return false;
    this.#byResponse.delete(binding.responseId);
    this.#byResponse.set(binding.responseId, binding);
    if (this.#byResponse.size > this.#max) this.#byResponse.delete(this.#byResponse.keys().next().value!);
    return true;
  }
}
