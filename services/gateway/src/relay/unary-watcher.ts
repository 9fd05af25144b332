import { MAX_CALLS, NO_ITEMS_TOLD, holdsCompaction } from '../bindings/item-facts.ts';
import type { AnswerFacts } from '../bindings/record-answer.ts';
import { fingerprintOf, idsOf } from '../bindings/json-members.ts';
import { PLAIN_ID, responseIdOf } from './response-id.ts';
import type { WatchKind } from './sse-watcher.ts';
import { Tail } from './tail.ts';
import { usageFrom } from './usage.ts';
import type { Usage } from './usage.ts';

/** An answer of more is not kept to be looked at. */
const MAX_PARSED = 1_048_576;
const LEADING_ID = new RegExp(`^\\s*\\{\\s*"id"\\s*:\\s*${PLAIN_ID}`);

/** Looks on while a JSON answer passes: the response id at its front, usage near its end. Same duties as `SseWatcher`. */
export class UnaryWatcher {
  readonly #kind: WatchKind;
  readonly #tail = new Tail(4_096);
  #chunks: Buffer[] | null;
  #length = 0;
  #responseId: string | null = null;

  constructor(kind: WatchKind) {
    this.#kind = kind;
    this.#chunks = kind === 'responses' ? [] : null;
  }

  /** The id; when it is not the first field the answer has to be whole before it is known. */
  get responseId(): string | null {
    if (this.#responseId === null && this.#chunks !== null) this.#responseId = idIn(this.#chunks);
    return this.#responseId;
  }

  /** What the whole answer tells; of one that is too large to be looked at, the id alone. */
  facts(): AnswerFacts {
    const { responseId } = this;
    if (this.#chunks === null) return { responseId, ...NO_ITEMS_TOLD };
    const text = Buffer.concat(this.#chunks);
    return { responseId, calls: idsOf(text, '"call_id"', MAX_CALLS), encrypted: fingerprintOf(text), isCompaction: holdsCompaction(text) };
  }

  /** @returns -1: the end of a unary answer is told by its length, not by its content */
  push(chunk: Buffer): number {
    if (this.#kind === 'none') return -1;
    this.#tail.push(chunk);
    if (this.#chunks === null) return -1;
    if (this.#length === 0) this.#responseId = LEADING_ID.exec(chunk.toString('latin1', 0, Math.min(chunk.length, 1_024)))?.[1] ?? null;
    this.#length += chunk.length;
    if (this.#length > MAX_PARSED) this.#chunks = null;
    else this.#chunks.push(chunk);
    return -1;
  }

  /** Whether an error of this code is in what the answer ended with. */
  endsWithCode(code: string): boolean {
    return this.#tail.text().includes(`"${code}"`);
  }

  usage(): Usage | null {
    return this.#kind === 'none' ? null : usageFrom(this.#tail.text());
  }
}

function idIn(chunks: readonly Buffer[]): string | null {
  try {
    const parsed = JSON.parse(Buffer.concat(chunks).toString()) as { id?: unknown } | null;
    return responseIdOf(parsed?.id);
  } catch {
    return null;
  }
}
