const END = Buffer.from('\n\n', 'latin1');

/** Finds the server-sent events in the pieces of a body. An event is told with its closing blank line, in one piece. */
export class EventScanner {
  readonly #event: (bytes: Buffer, from: number, to: number) => void;
  #carry: Buffer | undefined;

  /** @param event  Called for each event; its bytes are only valid during the call. */
  constructor(event: (bytes: Buffer, from: number, to: number) => void) {
    this.#event = event;
  }

  /** True when no event is half read. */
  get idle(): boolean {
    return this.#carry === undefined;
  }

  push(piece: Buffer, from: number, to: number): void {
    let bytes = piece;
    let at = from;
    let end = to;
    if (this.#carry !== undefined) {
      bytes = Buffer.concat([this.#carry, piece.subarray(from, to)]);
      at = 0;
      end = bytes.length;
      this.#carry = undefined;
    }
    while (at < end) {
      // The usual piece is one whole event.
      let stop = bytes.indexOf(END, at);
      if (stop < 0 || stop + 2 > end) {
        this.#carry = Buffer.from(bytes.subarray(at, end));
        return;
      }
      stop += 2;
      this.#event(bytes, at, stop);
      at = stop;
    }
  }
}
