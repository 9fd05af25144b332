import { expect, test } from 'vitest';
import { LANES } from '../routes.ts';
import { shedRank } from './shed.ts';

test('work gives way in one order: compactions, single requests, new conversations, then those that prefer an account', () => {
  const order = LANES.flatMap((lane) => [
    { what: `${lane} fresh`, rank: shedRank(lane, 'fresh') },
    { what: `${lane} soft`, rank: shedRank(lane, 'soft') },
  ]).sort((a, b) => a.rank - b.rank || (a.what < b.what ? -1 : 1));
  expect(order.map(({ what }) => what)).toEqual([
    'compact fresh',
    'standard fresh',
    'responses fresh',
    'websocket fresh',
    'compact soft',
    'responses soft',
    'standard soft',
    'websocket soft',
  ]);
});
