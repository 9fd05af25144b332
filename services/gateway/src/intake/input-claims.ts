import type { Claims } from '../bindings/claims.ts';
import { holdsCompaction } from '../bindings/item-facts.ts';
import { fingerprintOf, hasMember, idsOf } from '../bindings/json-members.ts';

/** How many elements at the end of `input` are looked at. */
export const LAST_ITEMS = 16;
/** As much of each end of an element: type and id stand near one of them, what a tool said in between may be megabytes. */
const NEAR = 512;
const CALL_OUTPUT = /(?<!\\)"type"\s*:\s*"[a-z_]{0,64}_call_output"/;

/** Of what a request continues, that which its input says. */
export type InputClaims = Pick<Claims, 'calls' | 'encrypted' | 'isFollowUp' | 'isCompact'>;

/**
 * What the elements of `input` continue: the calls that the last of them answer, the last encrypted item, since a client sends earlier
 * ones again in their order, and a compaction that stands for what was said before. What is misread here can only cost the caller: its ids mean something within its own namespace alone.
 * @param input   The bytes of the array.
 * @param starts  Where its last elements begin in it, in their order.
 */
export function inputClaims(input: Buffer, starts: readonly number[]): InputClaims {
  const calls: string[] = [];
  let end = input.length;
  for (const start of starts.toReversed()) {
    const call = callAnswered(input.subarray(start, end));
    if (call === null) break;
    calls.push(call);
    end = start;
  }
  const encrypted = fingerprintOf(input);
  const last = starts.at(-1);
  return {
    calls: calls.length === 0 ? null : calls.reverse(),
    encrypted,
    // A compaction is sealed, so where nothing is, none has to be looked for: half a microsecond for each thousand bytes.
    isFollowUp: encrypted !== null && holdsCompaction(input),
    isCompact: last !== undefined && hasMember(endsOf(input.subarray(last)), '"type"', 'compaction_trigger'),
  };
}

/** @returns the call that an element is the output of; null when it is something else */
function callAnswered(element: Buffer): string | null {
  const ends = endsOf(element);
  return CALL_OUTPUT.test(ends.toString('latin1')) ? (idsOf(ends, '"call_id"', 1)[0] ?? null) : null;
}

function endsOf(element: Buffer): Buffer {
  return element.length <= NEAR * 2 ? element : Buffer.concat([element.subarray(0, NEAR), element.subarray(-NEAR)]);
}
