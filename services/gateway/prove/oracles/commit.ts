import type { History, Violation } from '../history.ts';

/** Once something of an answer may be the client's, no account is asked any more (product section 2). */
export function commit({ requests, attempts }: History): Violation[] {
  const found: Violation[] = [];
  for (const { no, firstByteAt, wasShut } of requests) {
    const own = attempts.filter((attempt) => attempt.no === no);
    const late = firstByteAt === null ? undefined : own.find(({ arrivedAt }) => arrivedAt > firstByteAt);
    if (late !== undefined) found.push({ oracle: 'commit', what: `request ${no} was sent to ${late.accountName} after its client had the first byte` });
    for (const [i, { committedAt, end, accountName }] of own.entries()) {
      // What a reset threw away has committed nothing; nor has what lay unread when its gateway broke it off, its account being taken away. Had
      // the client got something of it, the rule above would say so, or that of the bytes.
      if (committedAt === null || end === 'reset' || (end === 'aborted' && wasShut) || i === own.length - 1) continue;
      found.push({ oracle: 'commit', what: `request ${no} was sent to ${own[i + 1]!.accountName} after ${accountName} had begun to answer` });
    }
  }
  return found;
}
