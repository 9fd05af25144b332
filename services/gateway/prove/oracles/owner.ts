import type { History, Violation } from '../history.ts';

/** What belongs to an account is asked of it alone; what only prefers one, of it first (product section 4). */
export function owner({ requests, attempts }: History): Violation[] {
  const found: Violation[] = [];
  for (const { no, asked, expected } of requests) {
    const own = attempts.filter((attempt) => attempt.no === no);
    const stray = expected.owner === null ? undefined : own.find(({ account }) => account !== expected.owner);
    if (stray !== undefined)
      found.push({ oracle: 'owner', what: `request ${no} (${asked}) belongs to account ${String(expected.owner)} and was sent to ${stray.accountName}` });
    if (expected.first !== null && own[0] !== undefined && own[0].account !== expected.first)
      found.push({ oracle: 'owner', what: `request ${no} (${asked}) prefers account ${expected.first} and was sent to ${own[0].accountName} first` });
  }
  return found;
}
