import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { UpstreamFailure } from '@switchyard/contracts';
import type { AnswerHeaders } from '@switchyard/contracts';
import type { Account } from '../choice/account.ts';
import { Heartbeat } from '../edge/heartbeat.ts';
import { Uptake } from '../edge/uptake.ts';
import { JUDGED_BYTES } from './judge.ts';
import { upstreamHeaders } from './upstream-headers.ts';

/** Where the frames of an upstream go. Nothing comes after `closed`. */
export interface FrameSink {
  frame(data: Buffer, isBinary: boolean): void;
  /** @param code  As the upstream gave it; 1005 when it gave none, 1006 when the connection just ended. */
  closed(code: number): void;
}

/** An upstream that answered the upgrade like any request. */
export interface RefusedUpgrade {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** The first of it, enough to judge and to repeat it. */
  readonly body: Buffer;
}

export interface SocketLimits {
  /** From the first packet to the answer of the upgrade. */
  readonly connectMs: number;
  /** Largest frame that is taken. */
  readonly frameBytes: number;
  readonly pingMs: number;
}

/** The way to an upstream socket. `opened` rejects with UpstreamFailure only; after `abort` with `aborted`. */
export interface SocketCall {
  readonly opened: Promise<UpstreamSocket | RefusedUpgrade>;
  abort(): void;
}

const NOT_ON_UPGRADES = new Set(['accept', 'content-type', 'accept-encoding']);

/**
 * Opens a WebSocket to an account with the client's headers that may pass (codex-protocol 3). Nothing is compressed: a shared window would
 * tie frames together, and cost more than it saves.
 */
export function openUpstreamSocket(account: Account, query: string, forwarded: readonly string[], limits: SocketLimits, nowMs: () => number): SocketCall {
  const ws = new WebSocket(`${account.baseUrl.replace(/^http/, 'ws').replace(/\/+$/, '')}/responses${query}`, {
    headers: headersOf(upstreamHeaders(account, forwarded)),
    perMessageDeflate: false,
    followRedirects: false,
    handshakeTimeout: limits.connectMs,
    maxPayload: limits.frameBytes,
    // Text is passed on as it came; whether it is text is between the two ends.
    skipUTF8Validation: true,
  });
  let aborted = false;
  const opened = new Promise<UpstreamSocket | RefusedUpgrade>((resolve, reject) => {
    let wire: Socket | null = null;
    ws.once('upgrade', (response) => (wire = response.socket));
    ws.once('open', () => resolve(new UpstreamSocket(ws, wire!, limits.pingMs, nowMs())));
    ws.once('unexpected-response', (request, response) => void refusedBy(request, response).then(resolve));
    // Stays for good: what ends an open socket is told by its close, and an error without a listener would end the process.
    ws.on('error', (error: Error) => reject(new UpstreamFailure(aborted ? 'aborted' : reasonOf(error), error)));
  });
  return {
    opened,
    abort() {
      aborted = true;
      ws.terminate();
    },
  };
}

/** An open socket to an upstream. */
export class UpstreamSocket {
  readonly #ws: WebSocket;
  readonly #wire: Socket;
  readonly #heartbeat: Heartbeat;
  readonly #uptake: Uptake;
  #sink: FrameSink | null = null;
  // What came in the same turn as the answer of the upgrade, before anybody could attach.
  #early: { readonly data: Buffer; readonly isBinary: boolean }[] | null = [];
  #closedWith: number | null = null;
  #received = 0;
  #isPaused = false;
  #isTaking = false;

  constructor(ws: WebSocket, wire: Socket, pingMs: number, nowMs: number) {
    this.#ws = ws;
    this.#wire = wire;
    this.#heartbeat = new Heartbeat(ws, pingMs, nowMs);
    this.#uptake = new Uptake(wire, nowMs);
    ws.on('message', (data: Buffer, isBinary) => {
      this.#received++;
      if (this.#sink === null) this.#early?.push({ data, isBinary });
      else this.#sink.frame(data, isBinary);
    });
    ws.once('close', (code) => {
      this.#closedWith = code;
      this.#sink?.closed(code);
    });
  }

  get isOpen(): boolean {
    return this.#closedWith === null && this.#ws.readyState === WebSocket.OPEN;
  }

  /** How many frames have come. */
  get received(): number {
    return this.#received;
  }

  /** Sends what comes from now on to a sink, in place of the one before. */
  start(sink: FrameSink): void {
    this.#sink = sink;
    const early = this.#early;
    this.#early = null;
    for (const { data, isBinary } of early ?? []) sink.frame(data, isBinary);
    if (this.#closedWith !== null) sink.closed(this.#closedWith);
  }

  send(frame: Buffer): void {
    this.#ws.send(frame, { binary: false });
  }

  /** Bytes that have been sent but not taken. */
  get backlog(): number {
    return this.#wire.writableLength;
  }

  onDrain(call: () => void): void {
    this.#wire.once('drain', call);
  }

  pause(): void {
    this.#isPaused = true;
    this.#ws.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#ws.resume();
  }

  /** Looks at the clock. @returns whether something waits for the upstream, of which it has taken some since the last look */
  isTaking(nowMs: number): boolean {
    return (this.#isTaking = this.#uptake.stuckMs(nowMs) === 0 && this.#wire.writableLength > 0);
  }

  /** Asks the upstream for a sign of life when it is time, unless it gave one at the last look. @returns false when it has vanished */
  beat(nowMs: number): boolean {
    return this.#heartbeat.beat(nowMs, !this.#isPaused && !this.#isTaking);
  }

  /** Ends the connection at once. */
  end(): void {
    this.#ws.terminate();
  }
}

/** `ws` takes headers by name; one that comes twice is a list. */
function headersOf(flat: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!.toLowerCase();
    if (NOT_ON_UPGRADES.has(name)) continue;
    const known = headers[name];
    headers[name] = known === undefined ? flat[i + 1]! : [known, flat[i + 1]!].flat();
  }
  return headers;
}

function refusedBy(request: ClientRequest, response: IncomingMessage): Promise<RefusedUpgrade> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const done = (): void => {
      resolve({ status: response.statusCode ?? 502, headers: response.headers, body: Buffer.concat(chunks).subarray(0, JUDGED_BYTES) });
      request.destroy();
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= JUDGED_BYTES) done();
    });
    // A refusal that breaks off is still one: its status has come.
    response.once('close', done);
    response.on('error', () => {});
  });
}

function reasonOf(error: Error): UpstreamFailure['reason'] {
  if (error.message.includes('timed out')) return 'connect_timeout';
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset';
  return code === undefined || code.startsWith('HPE_') || code.startsWith('WS_ERR_') ? 'protocol' : 'connect';
}
