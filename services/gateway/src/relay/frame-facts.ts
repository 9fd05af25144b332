import { JsonScanner } from '../intake/json-scanner.ts';
import { PLAIN_ID, responseIdOf } from './response-id.ts';

/** Frames that end a turn. */
export const TERMINAL_FRAMES: ReadonlySet<string> = new Set(['response.completed', 'response.failed', 'response.incomplete', 'error']);

const HEAD_BYTES = 96;
const LEADING_TYPE = /^\s*\{\s*"type"\s*:\s*"([a-z_.]{1,64})"/;
const TYPE = new Set(['type']);
const ID_NEAR = 2_048;
const PARSED_BYTES = 1_048_576;
const RESPONSE_ID = new RegExp(`"response": ?\\{ ?"id": ?${PLAIN_ID}`);

/**
 * Whether a frame is one of the many that only add to an output (`response.output_text.delta`, …), by a look at its first bytes: nothing
 * that begins so ends a turn or tells of it. `response.output_item.…` is not among them: a whole item says what the next turn may bring back.
 */
export function isOutput(frame: Buffer): boolean {
  return frame.length > 25 && frame[18] === 0x6f && frame[25] !== 0x69 && frame.toString('latin1', 0, 19) === '{"type":"response.o';
}

/** The type of a frame; empty when it has none. Every upstream known begins with it, and no tree is built where one does not. */
export function frameType(frame: Buffer): string {
  const leading = LEADING_TYPE.exec(frame.toString('latin1', 0, Math.min(frame.length, HEAD_BYTES)))?.[1];
  if (leading !== undefined) return leading;
  const scanner = new JsonScanner(TYPE);
  try {
    scanner.push(frame);
    scanner.end();
    return scanner.string('type') ?? '';
  } catch {
    return ''; // what is no JSON is passed on like any other
  }
}

/** The id of the response that a frame tells of; null when it tells none that we bind. */
export function responseIdIn(frame: Buffer): string | null {
  const near = RESPONSE_ID.exec(frame.toString('latin1', 0, Math.min(frame.length, ID_NEAR)))?.[1];
  if (near !== undefined) return near;
  const { response } = parsed(frame);
  return responseIdOf((response as { id?: unknown } | undefined)?.id);
}

/** The turn state that a `response.metadata` frame gives (codex-protocol 2.4). */
export function turnStateIn(frame: Buffer): string | null {
  const { headers } = parsed(frame);
  for (const [name, value] of Object.entries((headers ?? {}) as object))
    if (name.toLowerCase() === 'x-codex-turn-state' && typeof value === 'string') return value;
  return null;
}

/** What an `error` or a `response.failed` frame says, in the terms of an HTTP answer. */
export interface FrameError {
  /** Null when the frame names none. */
  readonly status: number | null;
  /** With names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The envelope `{"error": …}`. */
  readonly body: Buffer;
}

export function errorIn(frame: Buffer): FrameError {
  const { status, status_code: otherwise, headers, error, response, code, message } = parsed(frame);
  const told = Object.entries((headers ?? {}) as object).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const said = status ?? otherwise;
  // As the events of a stream over HTTP have it.
  const own = typeof code === 'string' ? { code, message } : null;
  return {
    status: typeof said === 'number' && said >= 400 && said <= 599 ? said : null,
    headers: Object.fromEntries(told.map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(JSON.stringify({ error: error ?? (response as { error?: unknown } | undefined)?.error ?? own })),
  };
}

function parsed(frame: Buffer): Readonly<Record<string, unknown>> {
  if (frame.length > PARSED_BYTES) return {};
  try {
    const value: unknown = JSON.parse(frame.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
