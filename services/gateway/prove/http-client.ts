import { request as send } from 'node:http';
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Client, Clock } from './client.ts';
import type { RequestTrace } from './history.ts';

/** A request as a client sends it. */
export interface Sent {
  readonly url: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object | null;
}

/** A request over HTTP. */
export class HttpClient implements Client {
  readonly trace: RequestTrace;
  readonly #clock: Clock;
  readonly #request: ClientRequest;
  #response: IncomingMessage | null = null;
  /** Told once it is over. */
  readonly #onEnd: () => void;

  constructor({ url, method, path, key, headers, body }: Sent, trace: RequestTrace, agent: Agent, clock: Clock, onEnd: () => void) {
    this.trace = trace;
    this.#clock = clock;
    this.#onEnd = onEnd;
    const text = body === null ? null : JSON.stringify(body);
    this.#request = send(url + path, {
      agent,
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'x-openai-proof': String(trace.no),
        'x-request-id': `proof-${trace.no}`,
        ...headers,
        ...(text === null ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
      },
    });
    this.#request
      .once('response', (response) => this.#read(response))
      .on('error', () => this.#end('cut'))
      .once('close', () => this.#end('cut'));
    this.#request.end(text ?? undefined);
  }

  leave(): void {
    this.#end('left');
    this.#request.destroy();
  }

  pause(): void {
    if (this.trace.end !== null) return;
    this.trace.isPaused = true;
    this.#response?.pause();
  }

  resume(): void {
    this.trace.isPaused = false;
    this.#response?.resume();
  }

  #read(response: IncomingMessage): void {
    const { trace } = this;
    this.#response = response;
    if (trace.end !== null) return;
    trace.status = response.statusCode ?? null;
    const account = response.headers['x-switchyard-account'];
    trace.account = typeof account === 'string' ? account : null;
    trace.isOurs = trace.account === null;
    response.on('error', () => this.#end('cut'));
    response.on('data', (chunk: Buffer) => {
      if (trace.end !== null) return;
      trace.firstByteAt ??= this.#clock.place();
      trace.received.push(chunk);
      trace.receivedBytes += chunk.length;
      this.#clock.changed();
    });
    response.once('end', () => this.#end(response.complete ? 'whole' : 'cut'));
    if (trace.isPaused) response.pause();
    this.#clock.changed();
  }

  #end(how: NonNullable<RequestTrace['end']>): void {
    const { trace } = this;
    if (trace.end !== null) return;
    trace.end = how;
    trace.endAt = this.#clock.place();
    if (how === 'whole' && trace.isOurs && trace.status !== null && trace.status >= 400) trace.code = codeIn(trace.received);
    this.#onEnd();
    this.#clock.changed();
  }
}

/** The code of a refusal in the envelope of ours. */
export function codeIn(received: readonly Buffer[]): string | null {
  try {
    return (JSON.parse(Buffer.concat(received).toString()) as { error?: { code?: string } }).error?.code ?? null;
  } catch {
    return null;
  }
}
