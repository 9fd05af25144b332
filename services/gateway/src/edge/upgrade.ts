import type { IncomingMessage } from 'node:http';
import { SwitchyardError } from '@switchyard/contracts';
import type { KeyRecord } from './key-table.ts';
import type { RequestHead } from './read-head.ts';

/** What decides whether a request may become a socket. */
export interface SocketGate {
  /** False: switched off by the operator. */
  readonly isOn: boolean;
  /** Whether a page of this origin may call; programs send none. */
  readonly mayCall: (origin: string) => boolean;
  /** Says why one more socket of this key is beyond what may be open; null when it is not. */
  readonly crowding: (key: KeyRecord) => SwitchyardError | null;
  /** Whether some account that the key may use speaks WebSocket. */
  readonly isSpoken: (key: KeyRecord, head: RequestHead) => boolean;
}

const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{22}==$/;

/**
 * Says why a request for a WebSocket gets none; null when it gets one. A browser asks without a preflight, so the origin is looked at here
 * (fault row B19). What is not to be had at all is 426, which sends codex to HTTP without a word to its user (codex-protocol 3).
 */
export function upgradeRefusal(request: IncomingMessage, head: RequestHead, key: KeyRecord, gate: SocketGate): SwitchyardError | null {
  const { headers } = request;
  if (headers.upgrade?.toLowerCase() !== 'websocket') return new SwitchyardError('upgrade_required', 'This path takes GET only as the upgrade to a WebSocket.');
  if (request.httpVersionMinor === 0 || head.isChunked || (head.contentLength ?? 0) > 0)
    return new SwitchyardError('bad_framing', 'An upgrade takes HTTP/1.1 and has no body.');
  if (headers['sec-websocket-version'] !== '13') return new SwitchyardError('upgrade_required', 'The version of WebSocket spoken here is 13.');
  if (!WEBSOCKET_KEY.test(headers['sec-websocket-key'] ?? '')) return new SwitchyardError('bad_framing', 'The Sec-WebSocket-Key is not one.');
  if (head.origin !== null && !gate.mayCall(head.origin)) return new SwitchyardError('origin_not_allowed', 'Pages of this origin may not open a socket here.');
  if (!gate.isOn) return new SwitchyardError('upgrade_required', 'WebSocket is switched off here; use HTTP.');
  if (!gate.isSpoken(key, head)) return new SwitchyardError('upgrade_required', 'No account of this key speaks WebSocket; use HTTP.');
  return gate.crowding(key);
}
