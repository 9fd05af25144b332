/** The last bytes of a stream. Holds references, never copies: the chunks of a socket read own exactly their bytes. */
export class Tail {
  readonly #bytes: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** @param bytes  At least this many of the last bytes are kept. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#chunks.length > 1 && this.#length - this.#chunks[0]!.length >= this.#bytes) this.#length -= this.#chunks.shift()!.length;
  }

  /** The kept bytes as Latin-1. */
  text(): string {
    if (this.#chunks.length === 0) return '';
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    return whole.toString('latin1', Math.max(0, whole.length - this.#bytes));
  }
}
