import { once } from 'node:events';
import { WebSocket } from 'ws';

type Loose = Readonly<Record<string, unknown>>;

/** The client's side of a WebSocket of turns, with everything that came on it. */
export interface SocketClient extends AsyncDisposable {
  readonly ws: WebSocket;
  /** Every text frame so far, as it came. */
  readonly texts: readonly string[];
  /** The same, parsed. */
  readonly frames: readonly Loose[];
  /** Resolves with the code once the socket is closed; 1006 when it just ended. */
  readonly closed: Promise<number>;
  /** Sends `response.create` for the model `m` with these members. */
  create(members: Loose): void;
  /** Resolves with the next frame of this type; rejects when the socket closes first. */
  next(type: string): Promise<Loose>;
}

/**
 * Opens a WebSocket on a server.
 * @throws Error naming the status when the upgrade is refused
 */
export async function connectSocket(url: string, headers: Readonly<Record<string, string>> = {}, path = '/v1/responses'): Promise<SocketClient> {
  const ws = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers, perMessageDeflate: false, maxPayload: 2 ** 28 });
  const texts: string[] = [];
  const frames: Loose[] = [];
  let seen = 0;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
  };
  ws.on('message', (data: Buffer) => {
    texts.push(data.toString());
    frames.push(JSON.parse(data.toString()) as Loose);
    wake();
  });
  let code: number | null = null;
  const closed = new Promise<number>((resolve) =>
    ws.once('close', (number) => {
      code = number;
      wake();
      resolve(number);
    }),
  );
  // Errors of an open socket are told by its close.
  ws.on('error', () => {});
  await once(ws, 'open');
  return {
    ws,
    texts,
    frames,
    closed,
    create: (members) => ws.send(JSON.stringify({ type: 'response.create', model: 'm', stream: true, store: false, ...members })),
    async next(type) {
      for (;;) {
        while (seen < frames.length) {
          const frame = frames[seen]!;
          seen += 1;
          if (frame['type'] === type) return frame;
        }
        if (code !== null)
          throw new Error(`The socket was closed with ${code} before a frame ${type}; it said ${frames.map((each) => each['type']).join(', ')}.`);
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await promise;
        waiting.delete(resolve);
      }
    },
    async [Symbol.asyncDispose]() {
      ws.terminate();
      await closed;
    },
  };
}
