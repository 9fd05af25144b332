import type { FieldSpan } from './json-scanner.ts';
import type { RequestFacts } from './read-facts.ts';

/** Where the state of a turn stands in the `client_metadata` of its frame (codex-protocol 2.4). */
export const TURN_STATE = 'x-codex-turn-state';

/** Where that member can be put into a frame, and what has to stand around it there. */
export interface StatePlace {
  readonly start: number;
  readonly end: number;
  readonly before: string;
  readonly after: string;
}

const CLOSING_BRACE = 0x7d;

/**
 * Finds the place for a turn state.
 * @param span      Of the `client_metadata`; undefined when there is none.
 * @param metadata  What it holds, when it is an object that was read.
 * @returns null when it has a member of that name, or is nothing that could have one
 */
export function statePlaceIn(frame: Buffer, span: FieldSpan | undefined, metadata: object | null): StatePlace | null {
  if (span === undefined) {
    const start = frame.indexOf('{') + 1;
    return { start, end: start, before: '"client_metadata":{', after: '},' };
  }
  if (span.kind === 'null') return { start: span.start, end: span.end, before: '{', after: '}' };
  if (metadata === null || TURN_STATE in metadata) return null;
  const start = span.start + 1;
  let next = start;
  while (frame[next]! <= 0x20) next++;
  return { start, end: start, before: '', after: frame[next] === CLOSING_BRACE ? '' : ',' };
}

/**
 * The frame of a turn with another name of its model, and with a turn state where it has none. All other bytes stay as they are.
 * @param model  Null for the client's own.
 * @param state  Null for none. What has no place for one stays without.
 */
export function spliceTurn(
  { body, modelAt, modelEnd, frame }: Pick<RequestFacts, 'body' | 'modelAt' | 'modelEnd' | 'frame'>,
  model: string | null,
  state: string | null,
): Buffer {
  const place = state === null ? null : (frame?.statePlace ?? null);
  const edits = [];
  if (model !== null) edits.push({ start: modelAt, end: modelEnd, text: JSON.stringify(model) });
  if (place !== null) edits.push({ ...place, text: `${place.before}"${TURN_STATE}":${JSON.stringify(state)}${place.after}` });
  if (edits.length === 0) return body;
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    parts.push(body.subarray(at, start), Buffer.from(text));
    at = end;
  }
  return Buffer.concat([...parts, body.subarray(at)]);
}
