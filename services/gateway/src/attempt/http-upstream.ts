import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { UpstreamFailure } from '@switchyard/contracts';
import type { BodySink, Upstream, UpstreamAnswer, UpstreamBody, UpstreamCall, UpstreamFailureReason, UpstreamRequest } from '@switchyard/contracts';
import { TICK_MS } from './connections.ts';
import type { Connection, Connections, Running } from './connections.ts';

/** An account reached over HTTP/1.1. Redirects are not followed and encodings are not undone. */
export class HttpUpstream implements Upstream {
  readonly #connections: Connections;
  #closed = false;

  /** @param connections  To its origin, which others may share. */
  constructor(connections: Connections) {
    this.#connections = connections;
  }

  dispatch(request: UpstreamRequest): UpstreamCall {
    const connection = this.#closed ? null : this.#connections.take();
    if (connection === null) return refusedCall();
    const exchange = new HttpExchange(this, this.#connections, connection, request);
    connection.running = exchange;
    connection.client.dispatch(
      {
        path: request.path,
        method: request.method as Dispatcher.HttpMethod,
        headers: request.headers,
        body: request.body,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      exchange,
    );
    return exchange;
  }

  /** Breaks off its requests, and takes none any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#connections.end(this);
  }
}

/** The answer of an account that has just been taken away: nobody is there. */
function refusedCall(): UpstreamCall {
  const answer = Promise.reject(new UpstreamFailure('connect'));
  answer.catch(() => {}); // the caller awaits it in its own time
  return { answer, abort: () => {} };
}

/** One request and its answer: undici's handler on one side, our port on the other. */
class HttpExchange implements UpstreamCall, Running, Dispatcher.DispatchHandler, UpstreamBody {
  readonly answer: Promise<UpstreamAnswer>;
  /** Whose request it is. */
  readonly upstream: HttpUpstream;
  readonly #connections: Connections;
  readonly #connection: Connection;
  readonly #headTicks: number;
  readonly #idleTicks: number;
  #resolve!: (answer: UpstreamAnswer) => void;
  #reject!: (failure: UpstreamFailure) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #abortWanted = false;
  #answered = false;
  #interim = 0;
  #sink: BodySink | null = null;
  // What arrived in the same turn as the head, before the pipeline could attach: at most one socket read.
  #early: Buffer[] | null = null;
  #ended = false;
  #failure: UpstreamFailure | null = null;
  #silentTicks = 0;
  #isPaused = false;

  constructor(upstream: HttpUpstream, connections: Connections, connection: Connection, { headTimeoutMs, idleTimeoutMs }: UpstreamRequest) {
    this.upstream = upstream;
    this.#connections = connections;
    this.#connection = connection;
    this.#headTicks = Math.ceil(headTimeoutMs / TICK_MS);
    this.#idleTicks = Math.ceil(idleTimeoutMs / TICK_MS);
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  abort(): void {
    if (this.#ended || this.#failure !== null) return;
    if (this.#controller !== null) return this.#controller.abort(ABORTED);
    // Still connecting: nothing has been sent and nothing will be; the caller need not wait for the connection to find out.
    this.#abortWanted = true;
    this.#reject(new UpstreamFailure('aborted'));
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    const early = this.#early;
    this.#early = null;
    if (early !== null) for (const chunk of early) sink.data(chunk);
    if (this.#failure !== null) sink.fail(this.#failure);
    else if (this.#ended) sink.end();
  }

  pause(): void {
    this.#isPaused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#silentTicks = 0;
    this.#controller?.resume();
  }

  /** Counts the time in which nothing came, and ends the request when it has been too long. Connecting has a limit of its own. */
  tick(): void {
    if (this.#controller === null || this.#isPaused) return;
    this.#silentTicks++;
    if (this.#silentTicks <= (this.#answered ? this.#idleTicks : this.#headTicks)) return;
    this.#controller.abort(this.#answered ? IDLE_TOO_LONG : HEAD_TOO_LATE);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortWanted) controller.abort(ABORTED);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) {
      if (++this.#interim > MOST_INTERIM) controller.abort(INTERIM_FLOOD);
      return;
    }
    this.#answered = true;
    this.#silentTicks = 0;
    this.#resolve({ status, headers, body: this });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#silentTicks = 0;
    if (this.#sink !== null) this.#sink.data(chunk);
    else if (this.#early === null) this.#early = [chunk];
    else this.#early.push(chunk);
  }

  onResponseEnd(): void {
    this.#ended = true;
    // undici's objects of this request must not be reached from here any more: its client would keep each until the next full collection.
    this.#controller = null;
    // undici is not done with the connection before this returns; what is sent on it meanwhile waits in the client's own queue.
    this.#connections.release(this.#connection);
    this.#sink?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#ended) return;
    this.#failure = new UpstreamFailure(reasonOf(error), error);
    this.#connections.release(this.#connection);
    if (!this.#answered) this.#reject(this.#failure);
    else this.#sink?.fail(this.#failure);
  }
}

const ABORTED = new Error('aborted by Switchyard');
const HEAD_TOO_LATE = new Error('no response head in time');
const IDLE_TOO_LONG = new Error('no further byte in time');
const INTERIM_FLOOD = new Error('more interim answers than any server has to give');

/** Interim answers (1xx) before the answer itself; with more it is none (fault row A15). */
const MOST_INTERIM = 100;

const REASONS: Readonly<Record<string, UpstreamFailureReason>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset',
  UND_ERR_SOCKET: 'reset',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
};

function reasonOf(error: Error): UpstreamFailureReason {
  if (error === ABORTED) return 'aborted';
  if (error === HEAD_TOO_LATE) return 'head_timeout';
  if (error === IDLE_TOO_LONG) return 'idle_timeout';
  if (error === INTERIM_FLOOD) return 'protocol';
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code.startsWith('HPE_')) return 'protocol';
  return REASONS[code] ?? 'connect';
}
