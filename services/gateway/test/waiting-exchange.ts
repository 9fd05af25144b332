import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KeyLoad } from '../src/edge/key-table.ts';
import type { Exchange } from '../src/exchange.ts';
import type { Lane } from '../src/routes.ts';
import { testExchange } from './test-exchange.ts';

const SURFACE_OF: Readonly<Record<Lane, string>> = {
  responses: 'responses.create',
  compact: 'responses.compact',
  websocket: 'responses.socket',
  standard: 'embeddings',
};

/** An exchange of a lane by a key with this load, before it has been let in. */
export function exchangeOf(lane: Lane, load: KeyLoad = { active: 0, sockets: 0 }): Exchange {
  const exchange = testExchange(SURFACE_OF[lane], {} as IncomingMessage, {} as ServerResponse);
  return { ...exchange, key: { ...exchange.key, load } };
}
