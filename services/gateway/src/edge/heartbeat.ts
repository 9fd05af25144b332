import type { WebSocket } from 'ws';

/** How many intervals a peer has for its pong: 25 s at the usual 20. */
const PATIENCE = 1.25;

/**
 * Tells a peer that has vanished from one that has nothing to say (fault row B18): a ping each interval, and its pong in time. It has no
 * timer of its own; whoever keeps the socket asks it.
 */
export class Heartbeat {
  readonly #ws: WebSocket;
  readonly #intervalMs: number;
  #nextMs: number;
  #askedMs: number | null = null;

  constructor(ws: WebSocket, intervalMs: number, nowMs: number) {
    this.#ws = ws;
    this.#intervalMs = intervalMs;
    this.#nextMs = nowMs + intervalMs;
    ws.on('pong', () => (this.#askedMs = null));
  }

  /**
   * Asks the peer when it is time.
   * @param canAnswer  False while we do not read from it, or it is still reading what was sent: then its silence says nothing.
   * @returns false when it is gone
   */
  beat(nowMs: number, canAnswer: boolean): boolean {
    if (!canAnswer) {
      this.#askedMs = null;
      this.#nextMs = nowMs + this.#intervalMs;
      return true;
    }
    if (this.#askedMs !== null) return nowMs - this.#askedMs <= this.#intervalMs * PATIENCE;
    if (nowMs >= this.#nextMs) {
      this.#askedMs = nowMs;
      this.#nextMs = nowMs + this.#intervalMs;
      this.#ws.ping();
    }
    return true;
  }
}
