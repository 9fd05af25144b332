import type { IncomingMessage, ServerResponse } from 'node:http';
import { openExchange } from '../src/exchange.ts';
import type { Exchange } from '../src/exchange.ts';
import { SURFACES } from '../src/routes.ts';

/** A streamed request for the model `m` by a key that may do everything, as far as intake would have brought it. */
export function testExchange(surfaceName: string, request: IncomingMessage, response: ServerResponse): Exchange {
  const surface = SURFACES.find(({ name }) => name === surfaceName)!;
  const exchange = openExchange({
    id: 'req_test',
    request,
    response,
    match: { surface, id: null, path: surface.path, query: '' },
    head: {
      authorization: null,
      contentType: null,
      contentLength: null,
      isChunked: false,
      isZstd: false,
      expectsContinue: false,
      origin: null,
      forwardedFor: null,
      forward: [],
      clientRequestId: null,
      turnState: null,
      session: null,
    },
    key: { id: 'key_test', name: 'test', models: null, accounts: null, pool: null, load: { active: 0, sockets: 0 } },
    clientAddress: null,
    startedAtMs: 0,
    startedMs: 0,
  });
  exchange.facts = {
    body: Buffer.alloc(0),
    encoded: null,
    model: 'm',
    modelAt: 0,
    modelEnd: 0,
    stream: true,
    claims: null,
    store: true,
    background: false,
    frame: null,
  };
  exchange.model = 'm';
  return exchange;
}
