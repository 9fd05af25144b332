import type { ServerResponse } from 'node:http';
import { errorEnvelope, retryAfterSeconds } from '@switchyard/contracts';
import type { SwitchyardError } from '@switchyard/contracts';

/** Sends a JSON answer of our own. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: readonly string[] = []): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, [
    ...headers,
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(bytes.length),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
  ]);
  response.end(bytes);
}

/**
 * Sends a refusal in the envelope. If the body of the request has not been read to its end the connection is closed after the
 * answer, so that no byte of it can be taken for the next request (fault row B10).
 */
export function sendRefusal(response: ServerResponse, error: SwitchyardError, requestId: string, headers: readonly string[] = []): void {
  const all = ['x-request-id', requestId, 'x-switchyard-request-id', requestId, ...headers];
  const wait = retryAfterSeconds(error);
  if (wait !== null) all.push('retry-after', String(wait));
  if (!response.req.complete) all.push('connection', 'close');
  sendJson(response, error.fault.status, errorEnvelope(error, requestId), all);
}
