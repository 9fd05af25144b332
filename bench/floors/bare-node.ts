/**
 * The floor that a gateway written in Node can be compared with: it passes every request through to one upstream and
 * does nothing else. `node:http` in front, undici's `dispatch` behind, streaming with back-pressure both ways,
 * hop-by-hop headers left out, and the upstream aborted when the client leaves.
 * Prints `ready http://HOST:PORT`. Environment: `UPSTREAM_ORIGIN`.
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';
import type { Dispatcher } from 'undici';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'host']);
/** A body that is announced to be no longer than this is gathered first: one write instead of a stream is the cheaper way. */
const GATHERED_BYTES = 65_536;
const HIGH_WATER = 1_048_576;

const origin = process.env['UPSTREAM_ORIGIN'];
if (origin === undefined) throw new Error('UPSTREAM_ORIGIN is not set: give the upstream as http://HOST:PORT.');
const pool = new Pool(origin, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

function requestHeaders(request: IncomingMessage): string[] {
  const raw = request.rawHeaders;
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, raw[i + 1] as string);
  }
  return kept;
}

function responseHeaders(parsed: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept: IncomingHttpHeaders = {};
  for (const name in parsed) if (!HOP_BY_HOP.has(name)) kept[name] = parsed[name];
  return kept;
}

function relay(request: IncomingMessage, response: ServerResponse, body: Buffer | IncomingMessage | null): void {
  let controller: Dispatcher.DispatchController | undefined;
  let clientGone = false;
  response.on('close', () => {
    if (response.writableFinished) return;
    clientGone = true;
    controller?.abort(new Error('The client left.'));
  });
  const onDrain = (): void => controller?.resume();
  let drainWatched = false;

  pool.dispatch(
    { method: request.method as Dispatcher.HttpMethod, path: request.url as string, headers: requestHeaders(request), body },
    {
      onRequestStart: (started) => {
        controller = started;
        if (clientGone) started.abort(new Error('The client left.'));
      },
      onResponseStart: (_started, status, headers) => {
        response.writeHead(status, responseHeaders(headers));
      },
      onResponseData: (started, chunk) => {
        if (response.write(chunk)) return;
        started.pause();
        if (!drainWatched) {
          drainWatched = true;
          response.on('drain', onDrain);
        }
      },
      onResponseEnd: () => {
        response.end();
      },
      onResponseError: (_started, error) => {
        if (clientGone) return;
        if (response.headersSent) {
          response.destroy(error);
          return;
        }
        response.writeHead(502, { 'content-type': 'text/plain' });
        response.end(`The upstream ${origin} did not answer: ${error.message}`);
      },
    },
  );
}

/** Frames both ways; the side that is faster waits while the other has a MiB to send, and the two end together. */
function relayFrames(client: WebSocket, upstream: WebSocket): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.on('message', (data: Buffer, isBinary) => {
      to.send(data, { binary: isBinary }, to.bufferedAmount > HIGH_WATER ? () => from.resume() : undefined);
      if (to.bufferedAmount > HIGH_WATER) from.pause();
    });
    from.on('close', () => to.terminate());
    from.on('error', () => to.terminate());
  }
}

const server = createServer((request, response) => {
  if (request.method === 'GET' || request.method === 'HEAD') {
    relay(request, response, null);
    return;
  }
  const length = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  if (length > GATHERED_BYTES) {
    relay(request, response, request);
    return;
  }
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => relay(request, response, pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)));
});
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
server.on('upgrade', (request, socket, head) => {
  const upstream = new WebSocket(`${origin.replace(/^http/, 'ws')}${request.url}`, { perMessageDeflate: false, skipUTF8Validation: true });
  upstream.on('error', () => socket.destroy());
  upstream.once('open', () => sockets.handleUpgrade(request, socket, head, (client) => relayFrames(client, upstream)));
});
server.requestTimeout = 0;
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
