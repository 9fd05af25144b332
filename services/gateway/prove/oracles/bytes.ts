import type { AttemptTrace, History, RequestTrace, Violation } from '../history.ts';
import { isFrontOf, mayBeFrom } from './answer.ts';

/** A client gets the bytes of one attempt, from the first on, in their order, and an ending only when the upstream gave one. */
export function bytes({ requests, attempts }: History): Violation[] {
  return requests.flatMap((request): Violation[] => {
    const { no, account, isOurs, status } = request;
    if (isOurs || status === null) return [];
    const candidates = attempts.filter((attempt) => attempt.no === no && mayBeFrom(request, attempt));
    if (candidates.length === 0)
      return [{ oracle: 'bytes', what: `request ${no} was answered in the name of ${account ?? 'an account'}, which gave no such answer` }];
    const wrongs = candidates.map((attempt) => wrongOf(request, attempt));
    return wrongs.includes(null) ? [] : [{ oracle: 'bytes', what: `request ${no}: ${String(wrongs.at(-1))}` }];
  });
}

/** @returns null when what the client got is what this attempt gave */
function wrongOf(request: RequestTrace, attempt: AttemptTrace): string | null {
  const { end, wasShut, mayBeStalled } = request;
  const { accountName, isWhole } = attempt;
  const [given, said] = [lengthOf(request.received), lengthOf(attempt.sent)];
  if (!isFrontOf(request, attempt)) return `the client got other bytes than ${accountName} sent`;
  if (end === 'whole' && !isWhole) return `the client saw an end that ${accountName} never gave`;
  if (end === 'whole' && given < said) return `the client saw an end after ${given} of ${said} bytes`;
  if (end === 'cut' && attempt.end === 'whole' && !wasShut && !mayBeStalled) return `the client was broken off, though ${accountName} had ended its answer`;
  return null;
}

function lengthOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
