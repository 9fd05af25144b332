import { isRefusedAtEdge } from '../history.ts';
import type { History, Violation } from '../history.ts';

/** Each request has one row with an end, and its decision tells the attempts that upstreams have seen. */
export function oneRow({ requests, attempts, rows }: History): Violation[] {
  if (rows === null) return [];
  const found: Violation[] = [];
  const wrong = (no: number, what: string): void => void found.push({ oracle: 'one_row', what: `request ${no} ${what}` });
  for (const request of requests) {
    const { no, mayBeUnlogged } = request;
    const own = rows.filter((row) => row.no === no);
    if (own.length > 1) wrong(no, `has ${own.length} rows`);
    const [row] = own;
    // A gateway that died could not write.
    if (row === undefined) {
      if (!mayBeUnlogged && !isRefusedAtEdge(request)) wrong(no, 'has no row');
      continue;
    }
    if (mayBeUnlogged) continue;
    if (!row.isEnded) wrong(no, 'has a row without an end');
    // What ran while an account was replaced knows it by the name that it had before.
    const called = (name: string): string => (request.wasShut ? name.slice(0, 1) : name);
    const asked = attempts.filter((each) => each.no === no).map((each) => called(each.accountName));
    for (const name of new Set([...row.attempts.map((each) => called(each.account)), ...asked])) {
      const told = row.attempts.filter((each) => called(each.account) === name);
      const seen = asked.filter((each) => each === name).length;
      if (seen > told.length) wrong(no, `was seen ${seen} times by ${name} and tells of ${told.length}`);
      if (told.filter(({ isReached }) => isReached).length > seen) wrong(no, `tells of more answers of ${name} than it was asked for`);
    }
  }
  return found;
}
