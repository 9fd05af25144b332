import type { History, Violation } from '../history.ts';

/** Of a new conversation, and of one that goes on; retries in progress that are always allowed, and the share that they may be beyond (product section 2). */
const MOST = { fresh: 12, continuing: 24 };
const FLOOR = 3;
const SHARE = 0.2;

/** No request is tried more often than it may be, and retries never become the traffic. */
export function budget({ requests, attempts, retrying }: History): Violation[] {
  const tooMany = requests.flatMap(({ no, expected }): Violation[] => {
    const count = attempts.filter((attempt) => attempt.no === no).length;
    const most = expected.owner === null && expected.first === null && !expected.mayBeUnavailable ? MOST.fresh : MOST.continuing;
    return count > most ? [{ oracle: 'budget', what: `request ${no} was tried ${count} times` }] : [];
  });
  const tooBroad = retrying
    .filter(({ active, retries }) => retries > Math.max(FLOOR, SHARE * active))
    .map(({ active, retries }) => ({ oracle: 'budget', what: `${retries} of ${active} requests were in a retry` }));
  return [...tooMany, ...tooBroad];
}
