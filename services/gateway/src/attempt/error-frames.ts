import { errorEnvelope, retryAfterSeconds } from '@switchyard/contracts';
import type { SwitchyardError } from '@switchyard/contracts';
import type { RefusedUpgrade } from './socket-upstream.ts';

const NOT_IN_FRAMES = new Set(['connection', 'content-length', 'content-type', 'content-encoding', 'date', 'keep-alive', 'transfer-encoding']);

/** The refusal of an upgrade as the `error` frame that says the same. */
export function upgradeRefusalFrame({ status, headers, body }: RefusedUpgrade): Buffer {
  const told = Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_IN_FRAMES.has(name)));
  return Buffer.from(JSON.stringify({ type: 'error', status, headers: told, error: errorOf(body) }));
}

function errorOf(body: Buffer): unknown {
  const text = body.toString();
  try {
    const parsed = JSON.parse(text) as { error?: unknown; detail?: unknown } | null;
    const error = parsed?.error ?? parsed?.detail;
    if (typeof error === 'object' && error !== null) return error;
  } catch {
    // Not every upstream refuses in JSON.
  }
  return { message: text };
}

/** A refusal of ours as an `error` frame. */
export function refusalFrame(error: SwitchyardError, requestId: string): Buffer {
  const wait = retryAfterSeconds(error);
  const headers = { 'x-request-id': requestId, ...byName(error.headers), ...(wait === null ? {} : { 'retry-after': String(wait) }) };
  return Buffer.from(JSON.stringify({ type: 'error', status: error.fault.status, headers, ...errorEnvelope(error, requestId) }));
}

function byName(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) headers[flat[i]!] = flat[i + 1]!;
  return headers;
}
