import type { AttemptTrace, History, RequestTrace, Violation } from '../history.ts';

/** A client gets the bytes of one attempt, from the first on, in their order, and an ending only when the upstream gave one. */
export function bytes({ requests, attempts }: History): Violation[] {
  return requests.flatMap((request): Violation[] => {
    const { no, account, status } = request;
    if (account === null || status === null) return [];
    const given = Buffer.concat(request.received);
    const candidates = attempts.filter((attempt) => attempt.no === no && attempt.accountName === account && attempt.status === status);
    if (candidates.length === 0) return [{ oracle: 'bytes', what: `request ${no} was answered in the name of ${account}, which gave no such answer` }];
    const wrongs = candidates.map((attempt) => wrongOf(request, given, attempt));
    return wrongs.includes(null) ? [] : [{ oracle: 'bytes', what: `request ${no}: ${String(wrongs.at(-1))}` }];
  });
}

/** @returns null when what the client got is what this attempt gave */
function wrongOf({ end, wasShut }: RequestTrace, given: Buffer, attempt: AttemptTrace): string | null {
  const said = Buffer.concat(attempt.sent);
  if (!said.subarray(0, given.length).equals(given)) return `the client got other bytes than ${attempt.accountName} sent`;
  if (end === 'whole' && !attempt.isWhole) return `the client saw an end that ${attempt.accountName} never gave`;
  if (end === 'whole' && given.length < said.length) return `the client saw an end after ${given.length} of ${said.length} bytes`;
  if (end === 'cut' && attempt.isWhole && !wasShut) return `the client was broken off, though ${attempt.accountName} had ended its answer`;
  return null;
}
