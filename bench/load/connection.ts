import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageSink } from '../wire/message-reader.ts';

/** One keep-alive connection of the load generator. */
export interface Connection {
  /** Sends a request. Where the last answer announced that it closes the connection, a new one is opened first, as a client has to. */
  send(request: Buffer): void;
  /** How often a new one had to be opened. */
  readonly reopened: number;
  /** Closes without waiting for anything; `lost` is not called. */
  end(): void;
}

/** All connections read into the same bytes: each piece is used up before the next one is read, and 9 000 of them stay cheap. */
const readInto = Buffer.allocUnsafe(65_536);

/**
 * Opens a connection to a server on loopback.
 * @param lost  Called once when the server closes or resets the connection without having said so; the error says where in a message it was.
 */
export async function openConnection(port: number, sink: MessageSink, lost: (error: Error) => void): Promise<Connection> {
  let over = false;
  let reopened = 0;
  const onLost = (error: Error): void => {
    if (!over) lost(error);
    over = true;
  };
  let line = await openLine(port, sink, onLost);
  return {
    send: (request) => {
      if (!line.reader.closing) {
        line.socket.write(request);
        return;
      }
      reopened++;
      line.end();
      openLine(port, sink, onLost).then((opened) => {
        line = opened;
        if (over) line.end();
        else line.socket.write(request);
      }, onLost);
    },
    get reopened() {
      return reopened;
    },
    end: () => {
      over = true;
      line.end();
    },
  };
}

interface Line {
  readonly socket: Socket;
  readonly reader: MessageReader;
  end(): void;
}

function openLine(port: number, sink: MessageSink, lost: (error: Error) => void): Promise<Line> {
  return new Promise((resolve, reject) => {
    const reader = new MessageReader('response', sink);
    let failed: ((error: Error) => void) | undefined = reject;
    const end = (): void => {
      failed = undefined;
      socket.destroy();
    };
    const fail = (error: Error): void => {
      const report = failed;
      end();
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
      const whole = reader.close();
      if (whole && reader.closing) end();
      else fail(new Error(whole ? 'The server closed the connection between two answers.' : 'The server cut an answer.'));
    });
    socket.on('connect', () => {
      failed = lost;
      resolve({ socket, reader, end });
    });
  });
}
