import type { AnswerHeaders } from '@switchyard/contracts';
import type { Account } from '../choice/account.ts';

/**
 * The headers of the upstream request: the account's own, then the client's that may pass, unless the account sets the same.
 * Encodings are never asked for: codex cannot read them and we would have to undo them (protocol trap 7).
 */
export function upstreamHeaders(account: Account, forwarded: readonly string[]): string[] {
  const headers = [...account.headers, 'accept-encoding', 'identity'];
  // The credential is never among the forwarded ones, so an account that has nothing else needs no look at each name.
  const hasOthers = account.headerNames.size > (account.headerNames.has('authorization') ? 1 : 0);
  for (let i = 0; i < forwarded.length; i += 2) {
    if (hasOthers && account.headerNames.has(forwarded[i]!.toLowerCase())) continue;
    headers.push(forwarded[i]!, forwarded[i + 1]!);
  }
  return headers;
}

// Hop-by-hop (RFC 9110 section 7.6.1), and ours to set.
const NOT_RELAYED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-switchyard-request-id',
  'x-switchyard-account',
]);

/**
 * The headers of an answer that go down, flat; the framing is decided by Node from `content-length`. What pages of other origins may read
 * is ours to say, never the upstream's.
 * @param crossOrigin  The request came from such a page, so `Vary` is ours too.
 */
export function relayedHeaders(headers: AnswerHeaders, crossOrigin: boolean): string[] {
  const relayed: string[] = [];
  const connection = single(headers, 'connection');
  // Headers that `Connection` names are hop-by-hop too.
  const named = connection === null || connection === 'keep-alive' || connection === 'close' ? null : connection.toLowerCase().split(/[ \t]*,[ \t]*/);
  for (const name in headers) {
    if (NOT_RELAYED.has(name) || named?.includes(name) || name.startsWith('access-control-') || (crossOrigin && name === 'vary')) continue;
    const value = headers[name]!;
    if (typeof value === 'string') relayed.push(name, value);
    else for (const each of value) relayed.push(name, each);
  }
  return relayed;
}

/** A header that has one value; the first of several, null without any. */
export function single(headers: AnswerHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? null);
}
