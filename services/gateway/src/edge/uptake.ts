import type { Socket } from 'node:net';

/** Tells whether a peer takes what waits for it. It has no timer of its own; whoever keeps the socket asks it. */
export class Uptake {
  readonly #wire: Socket;
  #taken: number;
  #movedMs: number;

  constructor(wire: Socket, nowMs: number) {
    this.#wire = wire;
    this.#taken = takenOf(wire);
    this.#movedMs = nowMs;
  }

  /** Looks at the clock. @returns for how many milliseconds nothing has been taken of what waits; 0 when nothing waits, or something was since the last look */
  stuckMs(nowMs: number): number {
    const taken = takenOf(this.#wire);
    if (this.#wire.writableLength === 0 || taken !== this.#taken) {
      this.#taken = taken;
      this.#movedMs = nowMs;
    }
    return nowMs - this.#movedMs;
  }
}

/**
 * What changes with each byte that the peer takes, and not with what is sent to it behind others. A write counts as waiting until its last byte
 * has left, and a frame of megabytes is one write; how much the system still holds of it is known to the handle alone.
 */
function takenOf(wire: Socket): number {
  const { _handle: handle } = wire as Socket & { readonly _handle?: { readonly writeQueueSize?: number } | null };
  return wire.bytesWritten - wire.writableLength - (handle?.writeQueueSize ?? 0);
}
