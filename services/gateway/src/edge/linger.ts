import type { Socket } from 'node:net';

/** How long what a client still sends after its answer is read and thrown away. */
const LINGER_MS = 5_000;

const lingering = new WeakSet<Socket>();

/** Whether a connection is being closed this way; what still comes on it is no request. */
export function isLingering(socket: Socket): boolean {
  return lingering.has(socket);
}

/**
 * Closes a connection once everything written has gone out, without losing that answer. A plain close with bytes unread makes the
 * kernel reset the connection, and the reset can overtake the answer: half of the clients that were sending a large body would see a
 * broken pipe in place of our 401 or 413 (fault row B10). So our side ends, and what comes is dropped until the client ends too.
 */
export function linger(socket: Socket): void {
  if (lingering.has(socket) || socket.destroyed) return;
  lingering.add(socket);
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}
