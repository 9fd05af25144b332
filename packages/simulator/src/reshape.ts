import { gzipSync } from 'node:zlib';
import type { Behaviour, Quota, QuotaWindow } from './behaviour.ts';
import { MALFORMATIONS } from './malform.ts';
import type { Reply } from './reply.ts';
import { jsonReply, textReply } from './reply.ts';

/** The reply that a behaviour spells out itself; undefined when the surface has to speak. */
export function spelledOut(behaviour: Behaviour): Reply | undefined {
  const status = behaviour.status ?? 200;
  if (behaviour.body !== undefined) return jsonReply(behaviour.body, status);
  if (behaviour.text !== undefined) return textReply(behaviour.text, status, { 'content-type': 'text/plain; charset=utf-8' });
  if (behaviour.chunks === undefined) return undefined;
  return { status, headers: { 'content-type': 'text/event-stream; charset=utf-8' }, units: behaviour.chunks.map((chunk) => Buffer.from(chunk, 'base64')) };
}

/** Gives a reply the head and the form that a behaviour asks for. */
export function reshape(reply: Reply, behaviour: Behaviour): Reply {
  let { units } = reply;
  const { malformed, slice } = behaviour;
  const headers: Record<string, string | readonly string[]> = { ...reply.headers, ...(behaviour.quota === undefined ? {} : quotaHeaders(behaviour.quota)) };
  if (malformed !== undefined) units = mapped(units, MALFORMATIONS[malformed]);
  if (behaviour.gzip === true) {
    units = [gzipSync(Buffer.concat([...units]))];
    headers['content-encoding'] = 'gzip';
  }
  if (slice !== undefined) units = sliced(units, slice);
  if (malformed !== undefined || behaviour.gzip === true) delete headers['content-length'];
  if (behaviour.contentLength !== undefined) {
    headers['content-length'] = String(behaviour.contentLength);
    headers['connection'] = 'close';
  }
  for (const [name, value] of Object.entries(behaviour.headers ?? {})) {
    if (value === null) delete headers[name.toLowerCase()];
    else headers[name.toLowerCase()] = value;
  }
  return { status: behaviour.status ?? reply.status, headers, units };
}

function* mapped(units: Iterable<Buffer>, deform: (unit: Buffer, index: number) => Buffer): Generator<Buffer> {
  let index = 0;
  for (const unit of units) {
    yield deform(unit, index);
    index += 1;
  }
}

function* sliced(units: Iterable<Buffer>, size: number): Generator<Buffer> {
  let left: Buffer = Buffer.alloc(0);
  for (const unit of units) {
    left = left.length === 0 ? unit : Buffer.concat([left, unit]);
    let at = 0;
    for (; left.length - at >= size; at += size) yield left.subarray(at, at + size);
    left = left.subarray(at);
  }
  if (left.length > 0) yield left;
}

/** The `x-codex-*` headers of a quota (codex-protocol 6). */
function quotaHeaders({ primary, secondary, limitName, credits }: Quota): Record<string, string> {
  return {
    ...(primary === undefined ? {} : windowHeaders('primary', primary)),
    ...(secondary === undefined ? {} : windowHeaders('secondary', secondary)),
    ...(limitName === undefined ? {} : { 'x-codex-limit-name': limitName }),
    ...(credits === undefined
      ? {}
      : {
          'x-codex-credits-has-credits': String(credits.hasCredits),
          'x-codex-credits-unlimited': String(credits.unlimited),
          'x-codex-credits-balance': credits.balance,
        }),
  };
}

function windowHeaders(name: string, window: QuotaWindow): Record<string, string> {
  return {
    [`x-codex-${name}-used-percent`]: String(window.usedPercent),
    ...(window.windowMinutes === undefined ? {} : { [`x-codex-${name}-window-minutes`]: String(window.windowMinutes) }),
    ...(window.resetAt === undefined ? {} : { [`x-codex-${name}-reset-at`]: String(window.resetAt) }),
  };
}
