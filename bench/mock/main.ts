/**
 * The mock upstream, a process of its own. It speaks just enough HTTP/1.1 over `node:net`, with bytes built in advance,
 * to have a ceiling well above what a Node server can pass through (`bench/README.md`, "Method").
 * The parent forks it; its first message is `{ port, creditPort }`. A message `stats` is answered with `MockStats`, `end-streams` with how many ran.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { MessageReader } from '../wire/message-reader.ts';
import { STREAM_END, STREAM_HEAD, UNARY_BODY, chunk, eventBytes, jsonResponse, monotonicMicroseconds, stampEvent } from './bytes.ts';
import { openFrames } from './frames.ts';
import { readScript, readWait } from './script.ts';
import type { StreamScript } from './script.ts';

/** What the mock is asked. */
export type MockQuestion = 'stats' | 'end-streams';

/** What the mock has received since it started. */
export interface MockStats {
  readonly requests: number;
  readonly bodyBytes: number;
  readonly streamsEnded: number;
  readonly streamsAborted: number;
  readonly streamsOpen: number;
  /** SHA-256 of every fiftieth body above 64 KiB that came since the last time this was asked. */
  readonly bodyHashes: readonly string[];
}

interface OpenStream {
  /** Whether the end was sent, or the peer left. */
  over: boolean;
  /** Sends the next event, or the end. */
  next(): void;
  /** The peer left. */
  cut(): void;
}

const UNARY = jsonResponse(UNARY_BODY);
const MODELS = jsonResponse(Buffer.from('{"object":"list","data":[{"id":"bench","object":"model","created":1760000000,"owned_by":"bench"}]}', 'latin1'));
const SCRIPT_SEARCH_BYTES = 512;
const LARGE_BODY_BYTES = 65_536;
const HASH_EVERY = 50;
const LF = 10;

const chunksBySize = new Map<number, Buffer[]>();
const creditStreams = new Map<number, { next(): void }>();
const takeUpgrade = openFrames(creditStreams);
let bodyHashes: string[] = [];
let requests = 0;
let bodyBytes = 0;
let largeBodies = 0;
let streamsEnded = 0;
let streamsAborted = 0;
/** Connections on which a stream runs. */
const streaming = new Set<Socket>();

/** The events of one size as ready chunks, built once per number. */
function eventChunk(number: number, size: number): Buffer {
  let chunks = chunksBySize.get(size);
  if (chunks === undefined) chunksBySize.set(size, (chunks = []));
  return (chunks[number] ??= chunk(eventBytes(number, size)));
}

function openStream(socket: Socket, script: StreamScript): OpenStream {
  let sent = 0;
  let timer: NodeJS.Timeout | undefined;
  streaming.add(socket);

  const finish = (): void => {
    clearInterval(timer);
    if (creditStreams.get(script.id) === stream) creditStreams.delete(script.id);
    streaming.delete(socket);
    stream.over = true;
  };
  const stream: OpenStream = {
    over: false,
    next: () => {
      if (sent === script.events) {
        socket.write(STREAM_END);
        streamsEnded++;
        finish();
        return;
      }
      const ready = eventChunk(sent, script.eventBytes);
      sent++;
      if (script.mode !== 'paced') {
        socket.write(ready);
        return;
      }
      const stamped = Buffer.from(ready);
      stampEvent(stamped, stamped.indexOf(LF) + 1, monotonicMicroseconds());
      socket.write(stamped);
    },
    cut: () => {
      if (stream.over) return;
      streamsAborted++;
      finish();
    },
  };

  socket.write(STREAM_HEAD);
  switch (script.mode) {
    case 'credit':
      creditStreams.set(script.id, stream);
      stream.next();
      break;
    case 'paced':
      stream.next();
      timer = setTimeout(
        () => {
          stream.next();
          timer = setInterval(() => stream.next(), script.paceMs);
        },
        (script.id * 7919) % script.paceMs,
      );
      break;
    case 'flat':
      pump(socket, stream);
      break;
  }
  return stream;
}

/** Sends until the peer's back-pressure says stop, and on when it drains. */
function pump(socket: Socket, stream: OpenStream): void {
  while (!stream.over) {
    stream.next();
    if (socket.writableNeedDrain) {
      socket.once('drain', () => pump(socket, stream));
      return;
    }
  }
}

function serve(socket: Socket): void {
  let isGet = false;
  let start = '';
  let received = 0;
  let hash: ReturnType<typeof createHash> | undefined;
  let stream: OpenStream | undefined;

  const reader = new MessageReader('request', {
    head: (_status, length, bytes, from) => {
      isGet = bytes[from] === 71; // "G"
      start = '';
      received = 0;
      hash = length > LARGE_BODY_BYTES && largeBodies++ % HASH_EVERY === 0 ? createHash('sha256') : undefined;
    },
    body: (bytes, from, to) => {
      if (start.length < SCRIPT_SEARCH_BYTES) start += bytes.toString('latin1', from, Math.min(to, from + SCRIPT_SEARCH_BYTES));
      received += to - from;
      hash?.update(bytes.subarray(from, to));
    },
    end: () => {
      requests++;
      bodyBytes += received;
      if (hash !== undefined) bodyHashes.push(hash.digest('hex'));
      if (isGet) {
        socket.write(MODELS);
        return;
      }
      const script = readScript(start);
      const waitMs = script === undefined ? readWait(start) : 0;
      if (waitMs > 0) setTimeout(() => socket.write(UNARY), waitMs);
      else if (script === undefined) socket.write(UNARY);
      else stream = openStream(socket, script);
    },
  });
  const onData = (piece: Buffer): void => reader.push(piece);
  socket.once('data', (first: Buffer) => {
    if (first.toString('latin1', 0, 4) === 'GET ' && /\r\nupgrade: websocket\r\n/i.test(first.toString('latin1'))) return takeUpgrade(socket, first);
    onData(first);
    socket.on('data', onData);
  });
  socket.on('error', () => socket.destroy()); // a peer that resets is counted as an aborted stream
  socket.on('close', () => stream?.cut());
}

/** Each four bytes on this connection are the id of a stream whose last event arrived. */
function takeCredits(socket: Socket): void {
  let carry = Buffer.alloc(0);
  socket.on('data', (piece: Buffer) => {
    const bytes = carry.length === 0 ? piece : Buffer.concat([carry, piece]);
    const whole = bytes.length - (bytes.length % 4);
    for (let at = 0; at < whole; at += 4) creditStreams.get(bytes.readUInt32LE(at))?.next();
    carry = Buffer.from(bytes.subarray(whole));
  });
  socket.on('error', () => socket.destroy());
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve((server.address() as AddressInfo).port));
  });
}

const port = await listen(createServer({ noDelay: true }, serve));
const creditPort = await listen(createServer({ noDelay: true }, takeCredits));
process.on('message', (question: MockQuestion) => {
  if (question === 'end-streams') {
    process.send?.(streaming.size);
    for (const socket of streaming) socket.destroy();
    return;
  }
  const stats: MockStats = { requests, bodyBytes, streamsEnded, streamsAborted, streamsOpen: streaming.size, bodyHashes };
  bodyHashes = [];
  process.send?.(stats);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port, creditPort });
