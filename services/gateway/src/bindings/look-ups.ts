/** Questions on their way to the database at once: what comes meanwhile is asked together, so that a rush does not take the whole pool. */
const MAX_READS = 4;
/** Ids of one question. */
const MOST = 1_024;
/** Ids that wait. More come together only while the database hangs, and whoever asks has gone on by then. */
const MAX_WAITING = 16_384;

/**
 * Asks for ids, those of many requests in one question, so that in a rush each has its answer soon. An id that many wait for is asked for once.
 */
export class LookUps {
  readonly #read: (digests: readonly string[]) => Promise<void>;
  /** Not asked for yet. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #asked = new Map<string, PromiseWithResolvers<void>>();
  #reads = 0;

  /** @param read  Takes in what there is. Never rejects. */
  constructor(read: (digests: readonly string[]) => Promise<void>) {
    this.#read = read;
  }

  /** @returns when there is an answer for all of these, or none to be had */
  async add(digests: readonly string[]): Promise<void> {
    const answers = digests.map((digest) => this.#answerFor(digest));
    this.#begin();
    await Promise.all(answers);
  }

  #answerFor(digest: string): Promise<void> {
    let answer = this.#asked.get(digest) ?? this.#waiting.get(digest);
    if (answer === undefined && this.#waiting.size >= MAX_WAITING) return Promise.resolve();
    if (answer === undefined) this.#waiting.set(digest, (answer = Promise.withResolvers<void>()));
    return answer.promise;
  }

  #begin(): void {
    while (this.#reads < MAX_READS && this.#waiting.size > 0) void this.#ask([...this.#waiting.keys().take(MOST)]);
  }

  async #ask(digests: readonly string[]): Promise<void> {
    this.#reads++;
    for (const digest of digests) {
      this.#asked.set(digest, this.#waiting.get(digest)!);
      this.#waiting.delete(digest);
    }
    await this.#read(digests);
    this.#reads--;
    for (const digest of digests) {
      this.#asked.get(digest)!.resolve();
      this.#asked.delete(digest);
    }
    this.#begin();
  }
}
