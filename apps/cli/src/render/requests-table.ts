import type { ListedAccount, LoggedRequest } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { table } from './table.ts';
import { duration, grouped, moment } from './words.ts';

/** A page of the request log for a person; accounts are told by name, and `-` is what is not known. */
export function requestsTable(requests: readonly LoggedRequest[], accounts: readonly Pick<ListedAccount, 'id' | 'name'>[], emphasise?: Emphasis): string {
  if (requests.length === 0) return 'There is no request in the log here.\n';
  const nameOf = new Map(accounts.map(({ id, name }) => [id, name]));
  return table(
    [
      { title: 'STARTED (UTC)' },
      { title: 'REQUEST' },
      { title: 'SURFACE' },
      { title: 'MODEL' },
      { title: 'ACCOUNT' },
      { title: 'STATUS', numeric: true },
      { title: 'OUTCOME' },
      { title: 'TOOK', numeric: true },
      { title: 'TOKENS IN', numeric: true },
      { title: 'OUT', numeric: true },
    ],
    requests.map((request) => [
      moment(request.started_at),
      request.id,
      request.surface,
      cut(request.model ?? '-'),
      request.account_id === null ? '-' : (nameOf.get(request.account_id) ?? `${request.account_id} (removed)`),
      request.status === null ? '-' : String(request.status),
      request.fault ?? request.outcome,
      request.duration_ms === null ? '-' : duration(request.duration_ms),
      request.input_tokens === null ? '-' : grouped(request.input_tokens),
      request.output_tokens === null ? '-' : grouped(request.output_tokens),
    ]),
    emphasise,
  );
}

const MAX_MODEL = 32;

/** The client wrote it: it may be of any length. */
function cut(text: string): string {
  return text.length > MAX_MODEL ? `${text.slice(0, MAX_MODEL - 1)}…` : text;
}
