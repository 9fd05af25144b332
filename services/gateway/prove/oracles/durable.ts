import type { History, Violation } from '../history.ts';

/** What a client has seen whole is bound in the database to the account that told it (product section 4). */
export function durable({ bound }: History): Violation[] {
  return bound
    .filter(({ issuer, found }) => found !== issuer)
    .map(({ id, issuer, found }) => ({ oracle: 'durable', what: `${id.slice(0, 60)} was told by ${issuer} and is bound to ${found ?? 'nobody'}` }));
}
