import type { UpstreamRequest } from '@switchyard/contracts';
import type { Account } from '../choice/account.ts';
import type { Exchange } from '../exchange.ts';
import { spliceModel } from '../intake/splice-model.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { upstreamHeaders } from './upstream-headers.ts';

/**
 * A request as an account gets it.
 * @param sent       Another name of the model than the client's; null for that.
 * @param turnState  To be sent along, the request having none of its own.
 */
export function upstreamRequest(
  { match, facts, head, request }: Exchange,
  account: Account,
  sent: string | null,
  turnState: string | null,
  { limits }: Pick<AttemptParts, 'limits'>,
): UpstreamRequest {
  const headers = upstreamHeaders(account, head.forward);
  // Whoever codex compresses for can read it; to others it is sent as what it holds.
  const encoded = facts!.encoded !== null && account.kind === 'chatgpt' && sent === null ? facts!.encoded : null;
  if (encoded !== null) headers.push('content-encoding', 'zstd');
  if (turnState !== null) headers.push('x-codex-turn-state', turnState);
  return {
    method: request.method!,
    path: account.basePath + match.path.slice('/v1'.length) + match.query,
    headers,
    body: encoded ?? (sent !== null ? spliceModel(facts!, sent) : facts!.body.length === 0 ? null : facts!.body),
    headTimeoutMs: match.surface.lane === 'compact' ? limits.compactTimeoutMs : limits.headTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
  };
}
