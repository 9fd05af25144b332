import type { History, Violation } from '../history.ts';

/** Once something of an answer may be the client's, no account is asked any more (product section 2). */
export function commit({ requests, attempts }: History): Violation[] {
  const found: Violation[] = [];
  for (const { no, firstByteAt } of requests) {
    const own = attempts.filter((attempt) => attempt.no === no);
    const late = firstByteAt === null ? undefined : own.find(({ arrivedAt }) => arrivedAt > firstByteAt);
    if (late !== undefined) found.push({ oracle: 'commit', what: `request ${no} was sent to ${late.accountName} after its client had the first byte` });
    for (const [i, { committedAt, end, accountName }] of own.entries()) {
      // What a reset threw away has committed nothing.
      if (committedAt === null || end === 'reset' || i === own.length - 1) continue;
      found.push({ oracle: 'commit', what: `request ${no} was sent to ${own[i + 1]!.accountName} after ${accountName} had begun to answer` });
    }
  }
  return found;
}
