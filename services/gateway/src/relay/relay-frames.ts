import { UpstreamFailure } from '@switchyard/contracts';
import type { FrameSink } from '../attempt/socket-upstream.ts';
import { ITEM_BYTES, ITEM_DONE, ItemFacts } from '../bindings/item-facts.ts';
import { DENIAL, noteDenial } from '../bindings/note-denial.ts';
import { AnswerRecorder } from '../bindings/record-answer.ts';
import type { Account } from '../choice/account.ts';
import type { Taken } from '../exchange.ts';
import { TERMINAL_FRAMES, errorIn, frameType, isOutput, responseIdIn, turnStateIn } from './frame-facts.ts';
import type { RelayParts } from './relay-answer.ts';
import { usageFrom } from './usage.ts';

/** A frame as it came. */
export interface Frame {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** What a turn tells the socket that it runs on. */
export interface TurnLine {
  /** Passes a frame to the client. @param sent  Called when it has left, or never will. */
  pass(frame: Frame, sent?: () => void): void;
  /** The turn is over, and the sockets go on. */
  ended(): void;
  /** The upstream broke off in the middle; what was passed has been passed. */
  cut(code: number): void;
  /** The upstream has named the state of this turn. */
  turnState(state: string): void;
  pauseUpstream(): void;
  resumeUpstream(): void;
}

const USAGE_BYTES = 4_096;
const QUOTA_EVENT = 'codex.rate_limits';
const QUOTA_BYTES = 16_384;

/**
 * Passes the frames of a committed turn to the client: each as it came, in order, as fast as the client takes them. Nothing is added and no
 * ending is invented. The frame that ends the turn waits until the binding of its response would outlive a crash (product section 4); over
 * a socket also that of one that is not to be stored, since the next turn goes on from it.
 */
export class FrameRelay implements FrameSink {
  readonly #exchange: Taken;
  readonly #account: Account;
  readonly #line: TurnLine;
  readonly #parts: RelayParts;
  readonly #recorder: AnswerRecorder;
  readonly #items = new ItemFacts();
  #held: Frame[] | null = null;
  #closedWith: number | null = null;

  constructor(exchange: Taken, account: Account, line: TurnLine, parts: RelayParts) {
    this.#exchange = exchange;
    this.#account = account;
    this.#line = line;
    this.#parts = parts;
    this.#recorder = new AnswerRecorder(exchange, account, {}, parts);
    exchange.account = account;
    exchange.status = 200;
  }

  frame(data: Buffer, isBinary: boolean): void {
    if (this.#held !== null) {
      this.#held.push({ data, isBinary });
      return;
    }
    if (this.#exchange.firstByteMs === null) this.#exchange.firstByteMs = this.#parts.nowMs() - this.#exchange.startedMs;
    if (!isBinary && !isOutput(data)) {
      const type = frameType(data);
      if (TERMINAL_FRAMES.has(type)) return this.#hold({ data, isBinary }, type);
      this.#look(data, type);
    }
    this.#exchange.bytesOut += data.length;
    this.#line.pass({ data, isBinary });
  }

  closed(code: number): void {
    this.#closedWith = code;
    if (this.#held !== null) return;
    this.#recorder.drop();
    this.#parts.onBroken(this.#exchange, this.#account, new UpstreamFailure('reset'));
    this.#line.cut(code);
  }

  /** Learns what the next requests need to know while the turn still runs. */
  #look(data: Buffer, type: string): void {
    if (type === 'response.metadata') {
      const state = turnStateIn(data);
      if (state === null) return;
      this.#line.turnState(state);
      this.#recorder.noteTurnState(state);
    } else if (type === 'response.created') {
      const id = this.#recorder.hasNoted ? null : responseIdIn(data);
      if (id !== null) this.#recorder.note(id);
    } else if (type === QUOTA_EVENT && data.length <= QUOTA_BYTES) {
      this.#parts.onQuota(this.#account, data.toString());
    } else if (type === ITEM_DONE && data.length <= ITEM_BYTES) this.#items.look(data);
  }

  #hold(last: Frame, type: string): void {
    const exchange = this.#exchange;
    exchange.usage = usageFrom(last.data.toString('latin1', Math.max(0, last.data.length - USAGE_BYTES)));
    this.#held = [];
    const failure = type === 'error' || type === 'response.failed' ? errorIn(last.data) : null;
    const isDenial = failure !== null && exchange.affinity !== null && failure.body.includes(`"${DENIAL}"`);
    if (isDenial) noteDenial(exchange, this.#account, this.#parts.bindings);
    if (type === 'error') {
      exchange.status = failure!.status ?? 200;
      exchange.outcome = 'upstream_error';
    } else {
      exchange.outcome = 'completed';
      exchange.responseId = responseIdIn(last.data);
    }
    if (type === 'error' || isDenial) {
      // What was announced did not come to be.
      this.#recorder.drop();
      return this.#letGo(last);
    }
    const binding = this.#recorder.finish({ responseId: exchange.responseId, ...this.#items.told });
    if (binding === null) return this.#letGo(last);
    this.#line.pauseUpstream();
    void binding.then((result) => {
      this.#parts.onBound(result);
      this.#line.resumeUpstream();
      this.#letGo(last);
    });
  }

  #letGo(last: Frame): void {
    const behind = this.#held ?? [];
    this.#exchange.bytesOut += last.data.length;
    this.#line.pass(last, () => {
      this.#line.ended();
      for (const frame of behind) this.#line.pass(frame);
      if (this.#closedWith !== null) this.#line.cut(this.#closedWith);
    });
  }
}
