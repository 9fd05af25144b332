import type { CaseResult } from './run-case.ts';

/** A case, and everything that was seen in it since the last look, for somebody who is to find out what went wrong: a line each, in order. */
export function tellCase({ steps, history: { requests, attempts, rows } }: Pick<CaseResult, 'steps' | 'history'>): string[] {
  const seen = [
    ...requests.map((request) => ({ at: request.sentAt, ...request, received: undefined })),
    ...attempts.map((attempt) => ({ at: attempt.arrivedAt, ...attempt, sent: undefined })),
  ].sort((a, b) => a.at - b.at);
  return [...steps.map(({ command, seed }) => `${command} ${seed}`), ...[...seen, ...(rows ?? [])].map((each) => JSON.stringify(each))];
}
