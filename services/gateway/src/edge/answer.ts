import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorEnvelope, retryAfterSeconds } from '@switchyard/contracts';
import type { SwitchyardError } from '@switchyard/contracts';
import { linger } from './linger.ts';

/** Sends a JSON answer of our own. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: readonly string[] = []): void {
  const text = JSON.stringify(body);
  response.writeHead(status, [
    ...headers,
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(Buffer.byteLength(text)),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
  ]);
  // As text it goes out in one piece with the head.
  response.end(text);
}

/**
 * Sends a refusal in the envelope. The connection ends with it when the framing is in doubt, or when more of the body is still to
 * come than is worth reading, so that no byte of it can be taken for the next request (fault row B10).
 */
export function sendRefusal(response: ServerResponse, error: SwitchyardError, requestId: string, headers: readonly string[] = []): void {
  const all = ['x-request-id', requestId, 'x-switchyard-request-id', requestId, ...error.headers, ...headers];
  const wait = retryAfterSeconds(error);
  if (wait !== null) all.push('retry-after', String(wait));
  if (error.code === 'bad_framing' || hasLongRest(response.req)) {
    all.push('connection', 'close');
    closeGently(response);
  }
  sendJson(response, error.fault.status, errorEnvelope(error, requestId), all);
}

/** Ends the connection after an answer of ours if the request has a body that is not worth reading. */
export function closeBeforeLongRest(response: ServerResponse): void {
  if (!hasLongRest(response.req)) return;
  response.setHeader('connection', 'close');
  closeGently(response);
}

/** A body up to this is read and dropped after a refusal, which is cheaper for both sides than a new connection. */
const WORTH_DROPPING = 65_536;

function hasLongRest(request: IncomingMessage): boolean {
  if (request.complete) return false;
  // Not from `headers`, which Node would make for this alone: floods of refusals come through here.
  const { rawHeaders } = request;
  let length = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    // A client that was to wait for `100 Continue` may send its body or not; only a close tells the two apart.
    if (name === 'transfer-encoding' || name === 'expect') return true;
    if (name === 'content-length') length = Number(rawHeaders[i + 1]);
  }
  return length > WORTH_DROPPING;
}

function closeGently(response: ServerResponse): void {
  const { req: request } = response;
  const { socket } = request;
  // This is how Node ends the connection of a last answer.
  socket.destroySoon = () => linger(socket);
  response.once('finish', () => request.resume());
}
