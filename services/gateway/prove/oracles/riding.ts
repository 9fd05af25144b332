import type { History, Violation } from '../history.ts';

/** What belongs to another key does not exist, and no account is asked for it (product section 4). */
export function riding({ requests, attempts }: History): Violation[] {
  return requests.flatMap(({ no, expected, status, end }): Violation[] => {
    if (!expected.isForeign) return [];
    const asked = attempts.filter((attempt) => attempt.no === no);
    if (asked.length > 0) return [{ oracle: 'riding', what: `request ${no} names what is another key's, and ${asked[0]!.accountName} was asked` }];
    return end === 'whole' && status !== 404
      ? [{ oracle: 'riding', what: `request ${no} names what is another key's, and was answered ${String(status)}` }]
      : [];
  });
}
