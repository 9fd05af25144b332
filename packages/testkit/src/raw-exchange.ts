import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes to send; a number is a pause in milliseconds before what follows. */
export type RawPart = string | Uint8Array | number;

export interface RawExchange {
  readonly received: Buffer;
  /** Who ended it: the peer with `end` or `reset`, or we, once `until` was satisfied. */
  readonly endedBy: 'end' | 'reset' | 'until';
}

export interface RawExchangeOptions {
  /** Ends the exchange when it says that what has come is enough. Without it the peer must end it. */
  readonly until?: (received: Buffer) => boolean;
  /** Ends our side after the last part, as a client that has no more to say. */
  readonly halfClose?: boolean;
  /** Longest silence before the exchange is given up as a failed test. */
  readonly silenceMs?: number;
}

/** Sends bytes to a port of this machine exactly as given, and collects what comes back. Strings are sent as latin1, a byte per character. */
export async function rawExchange(port: number, parts: RawPart | readonly RawPart[], options: RawExchangeOptions = {}): Promise<RawExchange> {
  const { until, halfClose = false, silenceMs = 10_000 } = options;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const chunks: Buffer[] = [];
  const over = new AbortController();

  const ended = new Promise<RawExchange['endedBy']>((resolve, reject) => {
    socket.setTimeout(silenceMs, () =>
      reject(new Error(`nothing came for ${silenceMs} ms; so far ${JSON.stringify(Buffer.concat(chunks).toString('latin1').slice(0, 500))}`)),
    );
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (until?.(Buffer.concat(chunks))) resolve('until');
    });
    socket.once('end', () => resolve('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve('reset');
      else reject(error);
    });
  });

  const send = async (): Promise<void> => {
    for (const part of Array.isArray(parts) ? (parts as readonly RawPart[]) : [parts as RawPart]) {
      if (typeof part === 'number') await sleep(part, undefined, { signal: over.signal });
      else if (!socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)) await written(socket, over.signal);
    }
    if (halfClose) socket.end();
  };

  try {
    const sending = send().catch((error: unknown) => {
      if (!over.signal.aborted) throw error;
    });
    const endedBy = await Promise.race([ended, sending.then(() => ended)]);
    return { received: Buffer.concat(chunks), endedBy };
  } finally {
    over.abort();
    socket.destroy();
  }
}

function written(socket: ReturnType<typeof connect>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
    signal.addEventListener('abort', done);
  });
}
