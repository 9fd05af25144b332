import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { ResponseStore } from '../response-store.ts';
import { serveTurns } from './serve-turns.ts';
import type { Answerer, Connection } from './serve-turns.ts';

/** Frames up to this size are taken, as by the real service. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{22}==$/;

/** The sockets of one simulator. */
export interface Sockets {
  /** How many have been opened since the start. */
  readonly opened: number;
  /** How many are open now. */
  readonly open: number;
  /** Whether pings are answered; a script may say no, to look like a peer that has vanished. */
  answersPings: boolean;
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Breaks every socket off and waits until it is gone. */
  close(): Promise<void>;
}

/** Whether a request asks for a WebSocket in a way that can be granted (RFC 6455 section 4.2.1). */
export function asksForSocket({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    WEBSOCKET_KEY.test(headers['sec-websocket-key'] ?? '')
  );
}

/** Opens the WebSocket side of `/v1/responses` (codex-protocol 3): turns one after the other on each socket. */
export function openSockets(answerer: Answerer, changed: () => void): Sockets {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_FRAME_BYTES, clientTracking: false, autoPong: false });
  const open = new Set<WebSocket>();
  let opened = 0;
  const sockets: Sockets = {
    get opened() {
      return opened;
    },
    get open() {
      return open.size;
    },
    answersPings: true,
    take(request, socket, head) {
      server.handleUpgrade(request, socket, head, (ws) => {
        opened += 1;
        open.add(ws);
        const connection: Connection = { number: opened, ws, wire: request.socket, request, kept: new ResponseStore() };
        ws.on('ping', (data) => {
          if (sockets.answersPings) ws.pong(data);
        });
        // What is wrong with a frame is told by the close that follows it.
        ws.on('error', () => {});
        ws.once('close', () => {
          open.delete(ws);
          changed();
        });
        serveTurns(connection, answerer);
        changed();
      });
    },
    async close() {
      const gone = [...open].map((ws) => new Promise((resolve) => ws.once('close', resolve)));
      for (const ws of open) ws.terminate();
      await Promise.all(gone);
    },
  };
  return sockets;
}
