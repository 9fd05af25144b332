import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { isObject } from '../json.ts';
import type { Loose } from '../json.ts';
import type { ResponseStore } from '../response-store.ts';

/** One open socket. */
export interface Connection {
  /** Counted from 1; tests tell sockets apart by it. */
  readonly number: number;
  readonly ws: WebSocket;
  /** The connection below the frames. */
  readonly wire: Socket;
  /** The request that was upgraded. */
  readonly request: IncomingMessage;
  /** Responses that only this socket knows: those that were not to be stored (codex-protocol 3). */
  readonly kept: ResponseStore;
}

/** Who answers the frames of a client. Each call resolves when it is done with the frame; none rejects. */
export interface Answerer {
  turn(connection: Connection, frame: Buffer, create: Loose): Promise<void>;
  /** A frame that asks for nothing, or is no JSON. */
  other(connection: Connection, frame: Buffer): void;
}

/** Takes the frames of one client: turns one after the other, in the order in which they came, and anything else at once. */
export function serveTurns(connection: Connection, answerer: Answerer): void {
  let last = Promise.resolve();
  connection.ws.on('message', (data: Buffer) => {
    const create = parsed(data);
    if (create?.['type'] !== 'response.create') return answerer.other(connection, data);
    last = last.then(() => answerer.turn(connection, data, create));
  });
}

function parsed(frame: Buffer): Loose | undefined {
  try {
    const value: unknown = JSON.parse(frame.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
