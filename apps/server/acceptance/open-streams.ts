import { Agent, request } from 'node:http';

/** One streamed request as its client sees it. */
export interface ClientStream {
  readonly surface: 'responses' | 'chat';
  /** The account that answered, by its name. */
  account: string | null;
  text: string;
  /** `whole`: the answer came to its proper end, in HTTP too. `cut`: the connection broke. Null while it runs. */
  ended: 'whole' | 'cut' | null;
}

export interface ClientStreams {
  readonly all: readonly ClientStream[];
  /** Resolves when each has had its first bytes. Rejects when one is refused or breaks before. */
  readonly begun: Promise<void>;
  /** Resolves when all have ended, one way or the other. */
  readonly ended: Promise<void>;
  /** Leaves all that still run. */
  leave(): void;
}

/**
 * Opens streams against a gateway, each on a connection of its own: every other one a stored response, the rest chat completions.
 * @param models  The model of each stream; their number is the number of streams.
 */
export function openStreams(url: string, key: string, models: readonly string[]): ClientStreams {
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
  const begun: Promise<void>[] = [];
  const ended: Promise<void>[] = [];
  const all = models.map((model, i): ClientStream => {
    const stream: ClientStream = { surface: i % 2 === 0 ? 'responses' : 'chat', account: null, text: '', ended: null };
    const body = JSON.stringify({
      model,
      stream: true,
      ...(stream.surface === 'responses' ? { input: 'hello', store: true } : { messages: [{ role: 'user', content: 'hello' }] }),
    });
    const begin = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    begun.push(begin.promise);
    ended.push(end.promise);
    const finish = (how: 'whole' | 'cut'): void => {
      stream.ended ??= how;
      begin.reject(new Error(`stream ${i} ended before it began: ${stream.text}`));
      end.resolve();
    };
    const call = request(`${url}/v1/${stream.surface === 'responses' ? 'responses' : 'chat/completions'}`, {
      method: 'POST',
      agent,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    call.on('response', (response) => {
      stream.account = (response.headers['x-switchyard-account'] as string | undefined) ?? null;
      response.on('data', (chunk: Buffer) => {
        stream.text += chunk.toString();
        if (response.statusCode === 200) begin.resolve();
      });
      response.on('end', () => finish(response.complete ? 'whole' : 'cut'));
      response.on('error', () => finish('cut'));
    });
    call.on('error', () => finish('cut'));
    call.end(body);
    return stream;
  });
  return {
    all,
    begun: Promise.all(begun).then(() => {}),
    ended: Promise.all(ended).then(() => {}),
    leave: () => agent.destroy(),
  };
}

/** Whether a stream has had the event that ends it, be it a response or a chat. */
export function hasTerminalEvent({ text }: ClientStream): boolean {
  return /^(?:event: response\.(?:completed|failed|incomplete)|data: \[DONE\])$/m.test(text);
}

/** The id of the response that a stream carries. */
export function responseIdOf({ text }: ClientStream): string {
  return /"response":\{"id":"([^"]+)"/.exec(text)![1]!;
}
