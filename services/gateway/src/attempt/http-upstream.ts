import type { IncomingHttpHeaders } from 'node:http';
import { Client } from 'undici';
import type { Dispatcher } from 'undici';
import { UpstreamFailure } from '@switchyard/contracts';
import type { BodySink, Upstream, UpstreamAnswer, UpstreamBody, UpstreamCall, UpstreamFailureReason, UpstreamRequest } from '@switchyard/contracts';

export interface HttpUpstreamOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
}

/**
 * An account reached over HTTP/1.1. Connections are kept alive and reused most recently used first; each carries one request
 * at a time, so a slow stream never holds up another. Redirects are not followed and encodings are not undone.
 */
export class HttpUpstream implements Upstream {
  readonly #options: HttpUpstreamOptions;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #closed = false;

  constructor(options: HttpUpstreamOptions) {
    this.#options = options;
  }

  dispatch(request: UpstreamRequest): UpstreamCall {
    if (this.#closed) return refusedCall();
    const connection = this.#idle.pop() ?? this.#connect();
    const exchange = new HttpExchange(() => this.#release(connection));
    connection.client.dispatch(
      {
        path: request.path,
        method: request.method as Dispatcher.HttpMethod,
        headers: request.headers,
        body: request.body,
        headersTimeout: request.headTimeoutMs,
        bodyTimeout: request.idleTimeoutMs,
      },
      exchange,
    );
    return exchange;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map(({ client }) => client.destroy()));
    this.#all.clear();
  }

  #connect(): Connection {
    const client = new Client(this.#options.origin, {
      allowH2: false,
      connect: { timeout: this.#options.connectTimeoutMs },
      pipelining: 1,
      keepAliveTimeout: 30_000,
      maxHeaderSize: 65_536,
    });
    const connection: Connection = { client, isConnected: false };
    this.#all.add(connection);
    client.on('connect', () => (connection.isConnected = true));
    client.on('disconnect', () => {
      connection.isConnected = false;
      const at = this.#idle.indexOf(connection);
      if (at === -1) return;
      this.#idle.splice(at, 1);
      this.#drop(connection);
    });
    return connection;
  }

  /** Keeps a connection for the next request. A client without one is worth nothing, and would pile up after every cut. */
  #release(connection: Connection): void {
    if (connection.isConnected && !this.#closed) this.#idle.push(connection);
    else this.#drop(connection);
  }

  #drop(connection: Connection): void {
    this.#all.delete(connection);
    void connection.client.destroy();
  }
}

interface Connection {
  readonly client: Client;
  isConnected: boolean;
}

/** The answer of an account that has just been taken away: nobody is there. */
function refusedCall(): UpstreamCall {
  const answer = Promise.reject(new UpstreamFailure('connect'));
  answer.catch(() => {}); // the caller awaits it in its own time
  return { answer, abort: () => {} };
}

/** One request and its answer: undici's handler on one side, our port on the other. */
class HttpExchange implements UpstreamCall, Dispatcher.DispatchHandler, UpstreamBody {
  readonly answer: Promise<UpstreamAnswer>;
  readonly #done: () => void;
  #resolve!: (answer: UpstreamAnswer) => void;
  #reject!: (failure: UpstreamFailure) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #abortWanted = false;
  #answered = false;
  #sink: BodySink | null = null;
  // What arrived in the same turn as the head, before the pipeline could attach: at most one socket read.
  #early: Buffer[] | null = null;
  #ended = false;
  #failure: UpstreamFailure | null = null;

  constructor(done: () => void) {
    this.#done = done;
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
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortWanted) controller.abort(ABORTED);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.#answered = true;
    this.#resolve({ status, headers, body: this });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sink !== null) this.#sink.data(chunk);
    else if (this.#early === null) this.#early = [chunk];
    else this.#early.push(chunk);
  }

  onResponseEnd(): void {
    this.#ended = true;
    // undici's objects of this request must not be reached from here any more: its client would keep each until the next full collection.
    this.#controller = null;
    // undici is not done with the connection before this returns; what is sent on it meanwhile waits in the client's own queue.
    this.#done();
    this.#sink?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#ended) return;
    this.#failure = new UpstreamFailure(reasonOf(error), error);
    this.#done();
    if (!this.#answered) this.#reject(this.#failure);
    else this.#sink?.fail(this.#failure);
  }
}

const ABORTED = new Error('aborted by Switchyard');

const REASONS: Readonly<Record<string, UpstreamFailureReason>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'head_timeout',
  UND_ERR_BODY_TIMEOUT: 'idle_timeout',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset',
  UND_ERR_SOCKET: 'reset',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
};

function reasonOf(error: Error): UpstreamFailureReason {
  if (error === ABORTED) return 'aborted';
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code.startsWith('HPE_')) return 'protocol';
  return REASONS[code] ?? 'connect';
}
