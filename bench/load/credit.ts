import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** The side connection on which the mock is told, once per turn of the loop, which streams may go on. */
export interface Credit {
  grant(id: number): void;
  end(): void;
}

export function openCredit(port: number): Promise<Credit> {
  return new Promise((resolve, reject) => {
    let ids: number[] = [];
    const flush = (): void => {
      const bytes = Buffer.allocUnsafe(ids.length * 4);
      for (let i = 0; i < ids.length; i++) bytes.writeUInt32LE(ids[i] as number, i * 4);
      ids = [];
      socket.write(bytes);
    };
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', reject);
    socket.on('connect', () => {
      resolve({
        grant: (id) => {
          if (ids.push(id) === 1) setImmediate(flush);
        },
        end: () => socket.destroy(),
      });
    });
  });
}
