import { FAULTS } from '@switchyard/contracts';
import type { AttemptTrace, History, RequestTrace, Violation } from '../history.ts';

/** What makes a refusal of ours lawful. One that is not here never is, in this world. */
const LAWFUL: Readonly<Record<string, (request: RequestTrace, own: readonly AttemptTrace[]) => boolean>> = {
  not_found: ({ expected }) => expected.isForeign || !expected.isOwn,
  invalid_api_key: ({ mayBeRevoked }) => mayBeRevoked,
  owner_unavailable: ({ expected, mayBeExhausted }) => expected.mayBeUnavailable || mayBeExhausted,
  server_is_overloaded: ({ mayBeShed }, own) => mayBeShed && own.length === 0,
  rate_limit_exceeded: ({ mayBeShed }, own) => mayBeShed && own.length === 0,
  quota_exhausted: ({ mayFindNobody }, own) => mayFindNobody && own.length === 0,
  upstream_unreachable: (_, own) => isUnanswered(own),
  stale_continuation: ({ mayBeStale, mayBeTorn }, own) => (mayBeTorn && own.length === 0) || (mayBeStale && isUnanswered(own)),
  shutting_down: ({ wasShut }) => wasShut,
};

/** Whether each that was reached broke off before it had said anything. */
function isUnanswered(own: readonly AttemptTrace[]): boolean {
  return own.every(({ committedAt, isWhole }) => committedAt === null && !isWhole);
}

/** Every refusal of ours is a row of the fault table, and one that what happened makes lawful; of those of accounts the one that tells most goes out. */
export function refusals({ requests, attempts }: History): Violation[] {
  return requests.flatMap((request): Violation[] => {
    const { no, end, isOurs, status, code } = request;
    if (end !== 'whole' || status === null) return [];
    const own = attempts.filter((attempt) => attempt.no === no);
    if (!isOurs) {
      // A client that gets a 401 renews a login that is not the one refused, so it goes out only when there is nothing else.
      const isBetter = status === 401 && own.some((attempt) => attempt.isWhole && attempt.status !== null && attempt.status >= 400 && attempt.status !== 401);
      return isBetter ? [{ oracle: 'refusals', what: `request ${no} was answered 401, though another account had told more` }] : [];
    }
    if (code === null || !KNOWN.has(code))
      return [{ oracle: 'refusals', what: `request ${no} was answered ${status} by nobody, with the code ${String(code)}` }];
    if (LAWFUL[code]?.(request, own) === true) return [];
    return [
      {
        oracle: 'refusals',
        what: `request ${no} was refused with ${status} ${code} without a reason; expected was ${JSON.stringify(request.expected)} of ${JSON.stringify(request.claims)}`,
      },
    ];
  });
}

const KNOWN: ReadonlySet<string> = new Set(Object.keys(FAULTS));
