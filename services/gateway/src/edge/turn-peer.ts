import { EventEmitter } from 'node:events';
import type { Peer } from '../exchange.ts';

/** Whom a turn on a WebSocket answers, as its exchange knows it: there from the turn's beginning to its end. */
export class TurnPeer extends EventEmitter implements Peer {
  writableFinished = false;
  readonly errored = null;
  readonly socket = null;
  readonly #cutOff: () => void;

  /** @param cutOff  Cuts the client off; the turn ends with its socket. */
  constructor(cutOff: () => void) {
    super();
    this.#cutOff = cutOff;
  }

  destroy(): void {
    this.#cutOff();
  }

  /** The turn is over. @param isWhole  The client has its whole answer. */
  end(isWhole: boolean): void {
    this.writableFinished = isWhole;
    this.emit('close');
  }
}
