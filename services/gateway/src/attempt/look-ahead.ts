import type { BodySink, UpstreamAnswer, UpstreamBody, UpstreamFailure } from '@switchyard/contracts';
import type { WatchKind } from '../relay/sse-watcher.ts';
import type { Collected } from './collect-body.ts';
import { FAILING_EVENTS, HELD_EVENTS, LOOK_AHEAD_BYTES } from './hold-list.ts';
import type { Held, Holds } from './holds.ts';
import { single } from './upstream-headers.ts';

/** How the look at an opening ended. A closed list: it labels metrics. The first three commit. */
export const LOOK_AHEAD_ENDS = ['event', 'time', 'size', 'failed', 'broken_off'] as const;
export type LookAheadEnd = (typeof LOOK_AHEAD_ENDS)[number];

const NOTHING: Buffer[] = []; // never pushed to
const CR = 0x0d;
const LF = 0x0a;
/** Enough of a line that is not whole yet to tell what it is. */
const TELLING = 128;
const EVENT_TYPE = /^\{\s*"type"\s*:\s*"([^"\\]*)"/;
const CHAT_ERROR = /^\{\s*"error"\s*:\s*[{"]/;
const MAYBE_CHAT_ERROR = /^(?:\{\s*(?:"(?:e(?:r(?:r(?:o(?:r(?:".*)?)?)?)?)?)?)?)?$/s;

/** Whether the opening of an answer is looked at: only that of a stream whose events are known, in bytes that can be read. */
export function isLookedAt({ status, headers }: UpstreamAnswer, watch: WatchKind): boolean {
  return (
    watch !== 'none' &&
    status >= 200 &&
    status < 300 &&
    single(headers, 'content-type')?.startsWith('text/event-stream') === true &&
    headers['content-encoding'] === undefined
  );
}

/**
 * Holds the opening of a stream until something in it makes the answer the client's: an event that is not on the hold list, or the bound in
 * time or size. When the first chunk already does, everything happens within `begin`: no promise, no timer, no turn of the event loop. An
 * error event that comes first is read whole, so that it can be judged; a stream that ends or breaks off before is no answer either.
 *
 * The bytes are kept as they came, and the body is handed on by starting it anew, so nothing of this is left once it is over.
 */
export class LookAhead implements BodySink, Held, Collected {
  front: Buffer[] = NOTHING;
  readonly rest: UpstreamBody;
  isPaused = false;
  /** Null while it is still held. */
  ended: LookAheadEnd | null = null;
  /** The JSON of the error event, when it ended with one. */
  failed: string | null = null;
  /** Why the stream broke off; null when it ended properly. */
  failure: UpstreamFailure | null = null;
  readonly #isChat: boolean;
  readonly #holds: Holds;
  #resolve: (() => void) | null = null;
  #length = 0;
  #line = ''; // what has come of a line that is not whole, as Latin-1
  #isAfterCr = false;
  #isFirstLine = true;
  /** What the current event was called; null before it was. */
  #event: string | null = null;
  #data: string | null = null;

  constructor(body: UpstreamBody, watch: WatchKind, holds: Holds) {
    this.rest = body;
    this.#isChat = watch === 'chat';
    this.#holds = holds;
  }

  /** Takes what has come already. @returns null when that was enough to tell; else what resolves when it is told */
  begin(): Promise<void> | null {
    this.rest.start(this);
    if (this.ended !== null) return null;
    this.#holds.add(this);
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  data(chunk: Buffer): void {
    // What comes between the end of this and the hand-over belongs to the front all the same.
    if (this.front === NOTHING) this.front = [chunk];
    else this.front.push(chunk);
    if (this.ended !== null) return;
    if (this.#isChat && this.#length === 0 && isPlainChat(chunk)) return this.#end('event');
    const room = LOOK_AHEAD_BYTES - this.#length;
    this.#length += chunk.length;
    this.#scan(chunk.toString('latin1', 0, Math.min(room, chunk.length)));
    if (this.ended === null && this.#length >= LOOK_AHEAD_BYTES) this.#end('size');
  }

  end(): void {
    if (this.ended === null) this.#end('broken_off');
  }

  fail(failure: UpstreamFailure): void {
    if (this.ended !== null) return;
    this.failure = failure;
    this.#end('broken_off');
  }

  timeUp(): void {
    if (this.ended === null) this.#end('time');
  }

  #end(how: LookAheadEnd): void {
    this.ended = how;
    this.#line = '';
    // Nobody may want this body before others have been asked.
    if (how === 'failed') {
      this.isPaused = true;
      this.rest.pause();
    }
    if (this.#resolve === null) return;
    this.#holds.delete(this);
    this.#resolve();
  }

  #scan(text: string): void {
    let at = 0;
    if (this.#isAfterCr && text.length > 0) {
      this.#isAfterCr = false;
      if (text.charCodeAt(0) === LF) at = 1;
    }
    const hasCr = text.includes('\r');
    while (this.ended === null) {
      const end = hasCr ? lineEnd(text, at) : text.indexOf('\n', at);
      if (end === -1) break;
      this.#take(this.#line + text.slice(at, end), true);
      this.#line = '';
      at = end + 1;
      if (text.charCodeAt(end) !== CR) continue;
      if (at === text.length) this.#isAfterCr = true;
      else if (text.charCodeAt(at) === LF) at++;
    }
    if (this.ended !== null || at >= text.length) return;
    const before = this.#line.length;
    this.#line += text.slice(at);
    if (before < TELLING) this.#take(this.#line, false);
  }

  /** Looks at a line, or at the part of one that has come. */
  #take(given: string, isWhole: boolean): void {
    let line = given;
    if (this.#isFirstLine) {
      if (line.startsWith('\u00ef\u00bb\u00bf')) line = line.slice(3); // a byte order mark, in Latin-1
      this.#isFirstLine = !isWhole;
    }
    if (line === '') {
      if (isWhole) this.#endOfEvent();
    } else if (line.startsWith('data:')) this.#takeData(line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5), isWhole);
    else if (isWhole && line.startsWith('event:')) this.#named(line.slice(6).trim());
  }

  #takeData(value: string, isWhole: boolean): void {
    if (this.#event === null) {
      if (this.#isChat) {
        if (isWhole ? CHAT_ERROR.test(value) : MAYBE_CHAT_ERROR.test(value)) this.#event = isWhole ? 'error' : null;
        else return this.#end('event');
      } else {
        const type = EVENT_TYPE.exec(value)?.[1] ?? (isWhole ? typeIn(value) : null);
        if (type !== null) this.#named(type);
      }
    }
    if (isWhole && this.#event !== null && FAILING_EVENTS.has(this.#event)) this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
  }

  #named(event: string): void {
    if (FAILING_EVENTS.has(event) || HELD_EVENTS.has(event)) this.#event = event;
    // Events of chat have no names that say anything.
    else if (!this.#isChat) this.#end('event');
  }

  #endOfEvent(): void {
    if (this.#data !== null) {
      this.failed = Buffer.from(this.#data, 'latin1').toString();
      return this.#end('failed');
    }
    this.#event = null;
  }
}

/** `data: {"…` with a first key that does not begin with `e`, as in all but every stream of chat: one look, no text. */
function isPlainChat(chunk: Buffer): boolean {
  return chunk.length > 8 && chunk[0] === 0x64 && chunk[4] === 0x3a && chunk[6] === 0x7b && chunk[7] === 0x22 && chunk[8] !== 0x65;
}

function lineEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === LF || c === CR) return i;
  }
  return -1;
}

/** The type of an event whose JSON has it elsewhere than in front; an empty one, which commits, when it has none. */
function typeIn(value: string): string {
  try {
    const { type } = JSON.parse(Buffer.from(value, 'latin1').toString()) as { type?: unknown };
    return typeof type === 'string' ? type : '';
  } catch {
    return '';
  }
}
