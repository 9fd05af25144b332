import type { Account } from '../choice/account.ts';

/**
 * The headers of the upstream request: the account's own, then the client's that may pass, unless the account sets the same.
 * Encodings are never asked for: codex cannot read them and we would have to undo them (protocol trap 7).
 */
export function upstreamHeaders(account: Account, forwarded: readonly string[]): string[] {
  const headers = [...account.headers, 'accept-encoding', 'identity'];
  for (let i = 0; i < forwarded.length; i += 2) {
    if (account.headerNames.size > 1 && account.headerNames.has(forwarded[i]!.toLowerCase())) continue;
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

export interface AnswerHeaders {
  /** What goes down, flat; the framing is decided by Node from `content-length`. */
  readonly relayed: string[];
  readonly contentType: string;
  readonly contentLength: number | null;
  readonly upstreamRequestId: string | null;
}

/** Sorts the headers of an answer: which go down, and the few that the relay needs to know. */
export function answerHeaders(raw: readonly string[]): AnswerHeaders {
  const relayed: string[] = [];
  let contentType = '';
  let contentLength: number | null = null;
  let upstreamRequestId: string | null = null;
  let named: string[] | null = null; // headers that `Connection` names are hop-by-hop too
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    if (name === 'connection') {
      if (value !== 'keep-alive' && value !== 'close') named = value.toLowerCase().split(/[ \t]*,[ \t]*/);
      continue;
    }
    if (NOT_RELAYED.has(name)) continue;
    if (name === 'content-type') contentType = value;
    else if (name === 'content-length') contentLength = Number(value);
    else if (name === 'x-request-id') upstreamRequestId = value;
    relayed.push(raw[i]!, value);
  }
  if (named !== null) return { relayed: without(relayed, named), contentType, contentLength, upstreamRequestId };
  return { relayed, contentType, contentLength, upstreamRequestId };
}

function without(flat: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < flat.length; i += 2) if (!names.includes(flat[i]!.toLowerCase())) kept.push(flat[i]!, flat[i + 1]!);
  return kept;
}
