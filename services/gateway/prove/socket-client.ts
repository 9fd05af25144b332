import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Client, Clock } from './client.ts';
import type { RequestTrace } from './history.ts';
import { codeIn } from './http-client.ts';

/** A socket as a client opens it. */
export interface Opened {
  readonly url: string;
  readonly key: string;
  /** By which the request log tells its turns from those of others. */
  readonly label: string;
}

const TERMINAL: ReadonlySet<string> = new Set(['response.completed', 'response.failed', 'response.incomplete', 'error']);
const LEADING_TYPE = /^\{"type":"([a-z_.]+)"/;
const TYPE_BYTES = 64;

/** A client's socket, with its turns one after the other. What each of them gets goes into its trace, frame by frame. */
export class SocketClient {
  readonly label: string;
  /** Numbers of its turns, in their order. */
  readonly turns: number[] = [];
  /** Ids of the responses that it has seen whole. */
  readonly told = new Set<string>();
  /** When it was last asked for a turn, on the clock of the gateways that only goes forth. */
  askedMs = 0;
  readonly #ws: WebSocket;
  readonly #clock: Clock;
  #trace: RequestTrace | null = null;
  #onTurnEnd: () => void = () => {};
  #isClosed = false;

  constructor({ url, key, label }: Opened, clock: Clock) {
    this.label = label;
    this.#clock = clock;
    this.#ws = new WebSocket(`${url.replace('http', 'ws')}/v1/responses`, {
      headers: { authorization: `Bearer ${key}`, 'x-request-id': label },
      perMessageDeflate: false,
      maxPayload: 2 ** 28,
    });
    this.#ws
      .on('error', () => {})
      .on('unexpected-response', (request, response) => this.#refused(response, () => request.destroy()))
      .on('message', (frame: Buffer) => this.#read(frame))
      .once('close', () => this.#closed());
  }

  /** Whether the next turn may begin. */
  get isFree(): boolean {
    return this.#ws.readyState === WebSocket.OPEN && this.#trace?.end !== null;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Asks for a turn. @param onEnd  Called once it is over. @returns its client, who may leave with the whole socket only */
  ask(trace: RequestTrace, frame: string, onEnd: () => void): Client {
    const ws = this.#ws;
    this.#trace = trace;
    this.#onTurnEnd = onEnd;
    this.turns.push(trace.no);
    if (ws.readyState === WebSocket.CONNECTING) ws.once('open', () => ws.send(frame));
    else ws.send(frame);
    return {
      leave: (how) => {
        if (trace.end !== null) return;
        this.#end('left');
        this.leave(how);
      },
      pause() {
        if (trace.end !== null) return;
        trace.isPaused = true;
        if (trace.status !== null) ws.pause();
      },
      resume() {
        if (!trace.isPaused) return;
        trace.isPaused = false;
        ws.resume();
      },
    };
  }

  leave(how: 'close' | 'cut'): void {
    if (how === 'cut') return this.#ws.terminate();
    // Whoever does not read does not see the goodbye of the other side.
    this.#ws.resume();
    this.#ws.close();
  }

  #read(frame: Buffer): void {
    const trace = this.#trace;
    if (trace === null || trace.end === 'left') return;
    trace.firstByteAt ??= this.#clock.place();
    trace.received.push(frame);
    trace.receivedBytes += frame.length;
    // Nothing comes behind the end of a turn; if something does, it is to be seen.
    if (trace.end !== null) return;
    trace.status ??= 200;
    const type = LEADING_TYPE.exec(frame.toString('latin1', 0, TYPE_BYTES))?.[1] ?? '';
    if (type === 'error') noteError(trace, frame);
    if (TERMINAL.has(type)) return this.#end('whole');
    if (trace.isPaused) this.#ws.pause();
    this.#clock.changed();
  }

  /** The upgrade was answered like any request: there is no socket, and no turn. */
  #refused(response: IncomingMessage, over: () => void): void {
    const trace = this.#trace!;
    const chunks: Buffer[] = [];
    response
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('error', () => {})
      .once('close', () => {
        trace.status = response.statusCode ?? null;
        trace.isOurs = true;
        trace.code = codeIn(chunks);
        trace.mayBeUnlogged = true;
        if (trace.end === null) this.#end('whole');
        over();
        this.#closed();
      });
  }

  #closed(): void {
    this.#isClosed = true;
    if (this.#trace?.end === null) this.#end('cut');
    this.#clock.changed();
  }

  #end(how: NonNullable<RequestTrace['end']>): void {
    const trace = this.#trace!;
    trace.end = how;
    trace.endAt = this.#clock.place();
    // What came with its end may have been read though its client had stopped; the next turn has a client of its own.
    if (trace.isPaused) this.#ws.resume();
    this.#onTurnEnd();
    this.#clock.changed();
  }
}

/** What an `error` frame says that an answer over HTTP says by its head. Only those of the gateway name the request. */
function noteError(trace: RequestTrace, frame: Buffer): void {
  const { status, error } = JSON.parse(frame.toString()) as { status?: number; error?: { code?: string; request_id?: string } };
  trace.status = status ?? 200;
  trace.isOurs = error?.request_id !== undefined;
  if (trace.isOurs) trace.code = error?.code ?? null;
}
