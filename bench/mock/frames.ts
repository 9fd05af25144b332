/** What the mock says over WebSocket: turns of the Responses API, each frame a delta with a number, built in advance. */
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { readDigits } from './bytes.ts';
import { readScript } from './script.ts';

const DELTA_HEAD = '{"type":"response.output_text.delta","item_id":"msg_bench","output_index":0,"content_index":0,"delta":"';
const DELTA_TAIL = '"}';
const DIGITS = 8;
const framesBySize = new Map<number, Buffer[]>();

/** One delta of exactly `bytes` bytes. */
export function deltaFrame(number: number, bytes: number): Buffer {
  const filler = 'x'.repeat(bytes - DELTA_HEAD.length - DIGITS - DELTA_TAIL.length);
  return Buffer.from(`${DELTA_HEAD}${String(number).padStart(DIGITS, '0')}${filler}${DELTA_TAIL}`, 'latin1');
}

/** The number of a delta; NaN of any other frame. */
export function deltaNumber(frame: Buffer): number {
  return frame.length > DELTA_HEAD.length + DIGITS ? readDigits(frame, DELTA_HEAD.length, DIGITS) : Number.NaN;
}

/** Who is told, by the credit connection, that a stream may go on. */
export interface Credits {
  set(id: number, stream: { next(): void }): unknown;
  delete(id: number): unknown;
}

/**
 * Takes over connections that begin with an upgrade.
 * @returns gives one away, with the bytes that have been read of it
 */
export function openFrames(credits: Credits): (socket: Socket, read: Buffer) => void {
  let turns = 0;
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => sockets.handleUpgrade(request, socket, head, (ws) => serve(ws)));

  const serve = (ws: WebSocket): void => {
    ws.on('error', () => ws.terminate());
    ws.on('message', (data: Buffer) => {
      const script = readScript(data.toString('latin1'));
      if (script === undefined) return;
      const response = `"response":{"id":"resp_bench_${process.pid}_${turns++}","object":"response","status"`;
      const finish = `{"type":"response.completed",${response}:"completed","output":[],"usage":{"input_tokens":19,"output_tokens":${script.events},"total_tokens":${19 + script.events}}}}`;
      let sent = 0;
      const stream = {
        next: () => {
          if (sent < script.events) return ws.send(readyFrame(sent++, script.eventBytes), { binary: false });
          credits.delete(script.id);
          ws.send(finish);
        },
      };
      credits.set(script.id, stream);
      ws.send(`{"type":"response.created",${response}:"in_progress","output":[]}}`);
      stream.next();
    });
  };

  return (socket, read) => {
    server.emit('connection', socket);
    socket.unshift(read);
  };
}

function readyFrame(number: number, bytes: number): Buffer {
  let frames = framesBySize.get(bytes);
  if (frames === undefined) framesBySize.set(bytes, (frames = []));
  return (frames[number] ??= deltaFrame(number, bytes));
}
