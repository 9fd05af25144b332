import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageSink } from '../wire/message-reader.ts';

/** One keep-alive connection of the load generator. */
export interface Connection {
  send(request: Buffer): void;
  /** Closes without waiting for anything; `lost` is not called. */
  end(): void;
}

/** All connections read into the same bytes: each piece is used up before the next one is read, and 9 000 of them stay cheap. */
const readInto = Buffer.allocUnsafe(65_536);

/**
 * Opens a connection to a server on loopback.
 * @param lost  Called once when the server closes or resets the connection; the error says where in a message it was.
 */
export function openConnection(port: number, sink: MessageSink, lost: (error: Error) => void): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const reader = new MessageReader('response', sink);
    let failed: ((error: Error) => void) | undefined = reject;
    const fail = (error: Error): void => {
      const report = failed;
      failed = undefined;
      socket.destroy();
      report?.(error);
    };
    const socket: Socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: readInto,
        callback: (length) => {
          try {
            reader.push(readInto, length);
          } catch (error) {
            fail(error as Error);
          }
          return true;
        },
      },
    });
    socket.on('error', fail);
    socket.on('end', () => {
      fail(new Error(reader.close() ? 'The server closed the connection between two answers.' : 'The server cut an answer.'));
    });
    socket.on('connect', () => {
      failed = lost;
      resolve({
        send: (request) => socket.write(request),
        end: () => {
          failed = undefined;
          socket.destroy();
        },
      });
    });
  });
}
