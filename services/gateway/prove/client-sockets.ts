import { FIRST_FRAME_BYTES } from './body-of.ts';
import type { Clock } from './client.ts';
import type { Life } from './life.ts';
import { SocketClient } from './socket-client.ts';

/** Whose sockets are asked for. */
interface Owner {
  readonly id: string;
  readonly secret: string;
}

/** How the labels of sockets begin, in the request log. */
export const SOCKET_LABEL = 'proof-ws';

/** The sockets of clients: one by gateway and key, kept from turn to turn until one of the two sides ends it. */
export class ClientSockets {
  readonly #clock: Clock;
  readonly #byPlace = new Map<string, { readonly life: number; readonly socket: SocketClient }>();
  readonly #byLabel = new Map<string, SocketClient>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a turn may begin: on the socket that there is, or on a new one. */
  isFree({ no }: Life, { id }: Owner): boolean {
    const socket = this.#byPlace.get(placeOf(no, id))?.socket;
    return socket === undefined || socket.isClosed || socket.isFree;
  }

  /** Whether the next turn comes behind others. */
  isUsed({ no }: Life, { id }: Owner): boolean {
    return this.#byPlace.get(placeOf(no, id))?.socket.isFree === true;
  }

  /** The socket that there is, or a new one. */
  take({ no, url }: Life, { id, secret }: Owner): SocketClient {
    const place = placeOf(no, id);
    const known = this.#byPlace.get(place)?.socket;
    if (known?.isFree === true) return known;
    const socket = new SocketClient({ url, key: secret, label: `${SOCKET_LABEL}${++this.#count}` }, this.#clock);
    this.#byPlace.set(place, { life: no, socket });
    this.#byLabel.set(socket.label, socket);
    return socket;
  }

  /** How many are open at gateways. */
  openAt(lives: readonly Life[]): number {
    let open = 0;
    for (const { life, socket } of this.#byPlace.values()) if (!socket.isClosed && lives.some(({ no }) => no === life)) open++;
    return open;
  }

  /** The turn of which the request log tells; undefined for one that is not known any more. @param bytes  Of its frame */
  turnOf(label: string, bytes: number): number | undefined {
    return this.#byLabel.get(label)?.turns[bytes - FIRST_FRAME_BYTES];
  }

  /** Ends them all, and forgets them. */
  leave(): void {
    for (const { socket } of this.#byPlace.values()) socket.leave('close');
    this.#byPlace.clear();
    this.#byLabel.clear();
  }
}

function placeOf(life: number, key: string): string {
  return `${life} ${key}`;
}
