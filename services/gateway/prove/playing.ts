import type { Answer, Part } from './answers.ts';
import type { AttemptTrace } from './history.ts';
import { ALL_PARTS } from './plan.ts';
import type { Plan } from './plan.ts';

/** The connection that an answer goes out on. */
export interface Outlet {
  /** Sends the head; frames have none. */
  begin(answer: Answer): void;
  write(part: Buffer): void;
  /** Behind the last part. */
  end(): void;
  /** Breaks off: in good order behind what was written, or so that it may be lost. */
  breakOff(how: 'cut' | 'reset'): void;
}

/** What has happened to an answer that is being given. */
export interface PlayWatcher {
  place(): number;
  changed(): void;
  /** Something of an answer goes out by which the account may be taken to be out of quota. */
  exhausted(): void;
  /** It is over, one way or the other. */
  ended(): void;
}

/** One answer on its way out, part by part, as far as its plan allows. The head is the first part; an answer that is no stream has but one. */
export class Playing {
  readonly trace: AttemptTrace;
  readonly #plan: Plan;
  readonly #answer: Answer;
  readonly #outlet: Outlet;
  readonly #watcher: PlayWatcher;
  readonly #cut: Plan['cuts'][number] | undefined;
  #next = 0;
  #isBreaking = false;

  constructor(trace: AttemptTrace, plan: Plan, answer: Answer, outlet: Outlet, watcher: PlayWatcher) {
    this.trace = trace;
    this.#plan = plan;
    this.#answer = answer;
    this.#outlet = outlet;
    this.#watcher = watcher;
    this.#cut = plan.cuts.shift();
  }

  /** Goes on as far as it may now. */
  advance(): void {
    const { trace } = this;
    const limit = this.#answer.status >= 400 && !this.#plan.holdsRefusals ? ALL_PARTS : this.#plan.allowed;
    while (!this.#isBreaking && !trace.isWhole && trace.end === null && this.#next < limit) this.#step();
    trace.isWaiting = trace.end === null && !this.#isBreaking && !trace.isWhole;
    this.#watcher.changed();
  }

  /** The connection is gone, or the answer has gone out on it. */
  closed(wentOut: boolean): void {
    this.#end(wentOut && this.trace.isWhole ? 'whole' : 'aborted');
  }

  #step(): void {
    const { trace } = this;
    const { isStream, parts, status } = this.#answer;
    if (this.#cut !== undefined && this.#next >= this.#cut.at) return this.#breakOff(this.#cut.how);
    if (this.#next === 0) {
      trace.status = status;
      this.#outlet.begin(this.#answer);
      if (!isStream && status < 400) trace.committedAt = this.#watcher.place();
    }
    if (!isStream && this.#cut !== undefined) {
      this.#hand({ bytes: parts[0]!.bytes.subarray(0, 20), commits: false });
      return this.#breakOff(this.#cut.how);
    }
    const part = isStream ? parts[this.#next - 1] : parts[0];
    this.#next++;
    if (part === undefined) return;
    this.#hand(part);
    if (isStream && this.#next <= parts.length) return;
    trace.isWhole = true;
    this.#outlet.end();
  }

  #hand({ bytes, commits }: Part): void {
    const { trace } = this;
    if (commits) trace.committedAt ??= this.#watcher.place();
    if (this.#answer.exhausts) this.#watcher.exhausted();
    trace.sent.push(bytes);
    trace.sentBytes += bytes.length;
    this.#outlet.write(bytes);
  }

  #breakOff(how: 'cut' | 'reset'): void {
    this.#isBreaking = true;
    // Behind the turn in which the last bytes were written, so that they go out first.
    setImmediate(() => {
      this.#end(how);
      this.#outlet.breakOff(how);
    });
  }

  #end(how: NonNullable<AttemptTrace['end']>): void {
    const { trace } = this;
    if (trace.end !== null) return;
    trace.end = how;
    trace.isWaiting = false;
    trace.endAt = this.#watcher.place();
    this.#watcher.ended();
    this.#watcher.changed();
  }
}
