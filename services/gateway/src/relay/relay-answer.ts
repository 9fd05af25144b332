import type { BodySink, UpstreamBody, UpstreamFailure } from '@switchyard/contracts';
import type { Committed } from '../attempt/run-attempts.ts';
import { relayedHeaders, single } from '../attempt/upstream-headers.ts';
import type { BindResult } from '../bindings/bindings.ts';
import { DENIAL, noteDenial } from '../bindings/note-denial.ts';
import { AnswerRecorder } from '../bindings/record-answer.ts';
import type { RecorderParts } from '../bindings/record-answer.ts';
import type { Account } from '../choice/account.ts';
import type { Exchange } from '../exchange.ts';
import { SseWatcher } from './sse-watcher.ts';
import type { SseListener } from './sse-watcher.ts';
import { UnaryWatcher } from './unary-watcher.ts';

export interface RelayParts extends RecorderParts {
  readonly nowMs: () => number;
  readonly showAccount: boolean;
  readonly onBound: (result: BindResult) => void;
  /** An answer broke off after it had begun. */
  readonly onBroken: (exchange: Pick<Exchange, 'decision' | 'match' | 'model'>, account: Account, failure: UpstreamFailure) => void;
  /** A stream told of its account's quota. */
  readonly onQuota: (account: Account, json: string) => void;
}

/**
 * Passes a committed answer to the client: status, headers and every byte as they came, chunk by chunk, as fast as the client
 * takes them and no faster. Nothing is added and no ending is invented: if the upstream breaks off, so do we.
 * The one thing it does beside passing on is to hold the last part of an answer until its binding is durable.
 */
export function relayAnswer(exchange: Exchange, committed: Committed, parts: RelayParts): void {
  // A client that left in the very turn in which the answer came has been settled, and the attempt ended.
  if (exchange.openAt !== -1) new Relay(exchange, committed, parts).begin();
}

class Relay implements BodySink, SseListener {
  readonly #exchange: Exchange;
  readonly #committed: Committed;
  readonly #parts: RelayParts;
  readonly #watcher: SseWatcher | UnaryWatcher;
  /** What the answer binds; null when nothing can go on from it. */
  readonly #recorder: AnswerRecorder | null;
  /** The opening of the answer, or its body, was judged to say that the account does not know what the request goes on from. */
  readonly #isDenial: boolean;
  readonly #contentLength: number | null;
  readonly #body: UpstreamBody | null;
  #received = 0;
  #held: Buffer[] | null = null;
  #ended = false;
  #failure: UpstreamFailure | null = null;
  #bound = false;

  constructor(exchange: Exchange, committed: Committed, parts: RelayParts) {
    this.#exchange = exchange;
    this.#committed = committed;
    this.#parts = parts;
    const { answer, account, collected } = committed;
    const { surface } = exchange.match;
    const length = single(answer.headers, 'content-length');
    this.#contentLength = length === null ? null : Number(length);
    // What a POST has made is learnt as a response is, from an answer with an id.
    const makes = surface.makes !== undefined && exchange.request.method === 'POST';
    const watch = makes ? 'responses' : surface.watch;
    this.#isDenial =
      exchange.affinity !== null && exchange.decision?.attempts.findLast(({ verdict }) => verdict === 'relayed')?.policy === 'response_not_found';
    const binds = !this.#isDenial && watch === 'responses' && answer.status >= 200 && answer.status < 300;
    this.#recorder = binds ? new AnswerRecorder(exchange, account, answer.headers, parts) : null;
    this.#watcher = single(answer.headers, 'content-type')?.startsWith('text/event-stream')
      ? new SseWatcher(watch, watch === 'responses', watch === 'responses' ? this : null)
      : new UnaryWatcher(watch);
    this.#body = collected === null ? answer.body : collected.rest;
    exchange.account = account;
    exchange.status = answer.status;
    exchange.upstreamRequestId = single(answer.headers, 'x-request-id');
    const down = relayedHeaders(answer.headers, exchange.head.origin !== null);
    if (exchange.upstreamRequestId === null) down.push('x-request-id', exchange.id);
    down.push('x-switchyard-request-id', exchange.id);
    if (parts.showAccount) down.push('x-switchyard-account', account.name);
    exchange.response.writeHead(answer.status, down);
  }

  begin(): void {
    const { response } = this.#exchange;
    const { collected } = this.#committed;
    if (collected !== null) for (const chunk of collected.front) this.data(chunk);
    if (this.#body === null) this.end();
    else this.#body.start(this);
    // Also when it was paused where the front ends, unless the front has given a reason of its own to wait.
    if (collected?.isPaused && this.#exchange.stalledSinceMs === null && this.#held === null) this.#body?.resume();
    // Node keeps the head back until there is a body. When none has come with it, the client should not have to wait for it.
    if (this.#received === 0 && !this.#ended) response.flushHeaders();
  }

  data(chunk: Buffer): void {
    const exchange = this.#exchange;
    if (exchange.firstByteMs === null) exchange.firstByteMs = this.#parts.nowMs() - exchange.startedMs;
    this.#received += chunk.length;
    const at = this.#watcher.push(chunk);
    // A unary answer tells its id cheaply only when it is whole.
    if (this.#recorder !== null && !this.#recorder.hasNoted && this.#watcher instanceof SseWatcher) this.#note(this.#recorder);
    if (this.#held !== null) {
      this.#held.push(chunk);
      return;
    }
    if (this.#recorder !== null && !this.#bound) {
      if (at !== -1) return this.#hold(chunk, at);
      if (this.#received === this.#contentLength) return this.#hold(chunk, 0);
    }
    // With the last byte known to be in, the end goes with it: one write to the socket instead of two.
    if (this.#received === this.#contentLength) this.#endWith(chunk);
    else if (!exchange.response.write(chunk)) this.#stall();
    exchange.bytesOut += chunk.length;
  }

  end(): void {
    this.#ended = true;
    this.#exchange.call = null;
    if (this.#held !== null) return;
    if (this.#recorder !== null && !this.#bound) return this.#hold(null, 0);
    this.#finish();
  }

  fail(failure: UpstreamFailure): void {
    this.#failure = failure;
    this.#exchange.call = null;
    this.#parts.onBroken(this.#exchange, this.#committed.account, failure);
    if (this.#held === null) this.#breakOff();
  }

  sawQuota(json: string): void {
    this.#parts.onQuota(this.#committed.account, json);
  }

  #note(recorder: AnswerRecorder): void {
    const { responseId } = this.#watcher;
    if (responseId !== null) recorder.note(responseId);
  }

  /** Keeps the end of the answer back until what it binds would outlive a crash. */
  #hold(chunk: Buffer | null, at: number): void {
    this.#bound = true;
    if (chunk !== null && at > 0) {
      this.#exchange.response.write(chunk.subarray(0, at));
      this.#exchange.bytesOut += at;
    }
    this.#held = chunk === null ? [] : [at > 0 ? chunk.subarray(at) : chunk];
    const binding: Promise<BindResult> | null = this.#recorder!.finish(this.#watcher.facts());
    if (binding === null) return this.#letGo();
    this.#body?.pause();
    void binding.then((result) => {
      this.#parts.onBound(result);
      this.#letGo();
    });
  }

  #letGo(): void {
    const held = this.#held ?? [];
    this.#held = null;
    const { response } = this.#exchange;
    if (response.destroyed) return;
    const isWhole = this.#ended || this.#received === this.#contentLength;
    let kept = true;
    for (const [i, chunk] of held.entries()) {
      this.#exchange.bytesOut += chunk.length;
      if (isWhole && this.#failure === null && i === held.length - 1) this.#endWith(chunk);
      else kept = response.write(chunk);
    }
    if (this.#failure !== null) this.#breakOff();
    else if (this.#ended) this.#finish();
    else if (!kept) this.#stall();
    else this.#body?.resume();
  }

  #stall(): void {
    if (this.#exchange.stalledSinceMs !== null) return;
    this.#exchange.stalledSinceMs = this.#parts.nowMs();
    this.#body?.pause();
    this.#exchange.response.once('drain', () => {
      this.#exchange.stalledSinceMs = null;
      if (this.#held === null) this.#body?.resume();
    });
  }

  /** Ends the response. A client that leaves its last bytes lying is stalled like any other, though no `drain` will tell. */
  #endWith(chunk?: Buffer): void {
    const { response } = this.#exchange;
    response.end(chunk);
    if (response.writableLength > 0) this.#exchange.stalledSinceMs ??= this.#parts.nowMs();
  }

  #finish(): void {
    const exchange = this.#exchange;
    this.#record();
    // An answer that is over but not whole by its own length would leave the client waiting; Node refuses it too.
    if (this.#contentLength !== null && this.#received < this.#contentLength && exchange.request.method !== 'HEAD' && this.#received > 0)
      return this.#breakOff();
    if (!exchange.response.writableEnded) this.#endWith();
    exchange.outcome = exchange.status! >= 400 ? 'upstream_error' : 'completed';
  }

  #record(): void {
    this.#exchange.usage = this.#watcher.usage();
    const { match, affinity, status } = this.#exchange;
    if (match.surface.makes === undefined) this.#exchange.responseId = this.#watcher.responseId;
    if (this.#isDenial || (affinity !== null && (status === 400 || status === 404) && this.#watcher.endsWithCode(DENIAL)))
      noteDenial(this.#exchange, this.#committed.account, this.#parts.bindings);
  }

  /** Ends the client's connection without an ending, once what was written has gone out: a transport failure, as it was for us. */
  #breakOff(): void {
    this.#record();
    this.#recorder?.drop();
    const { response, request } = this.#exchange;
    if (this.#exchange.cut === null) this.#exchange.outcome = 'upstream_cut';
    const { socket } = response;
    response.flushHeaders();
    // What is written still goes out; a client that never takes it is stalled like any other.
    if (response.writableLength > 0) this.#exchange.stalledSinceMs ??= this.#parts.nowMs();
    if (socket === null) response.destroy();
    // For HTTP/1.0 without a length a plain close would look like a proper end.
    else if (request.httpVersionMinor === 0 && this.#contentLength === null) socket.resetAndDestroy();
    else socket.destroySoon();
  }
}
