import { expect, test } from 'vitest';

import { nearestName } from './suggest.ts';

test.each([
  ['prot', ['port', 'host'], 'port'],
  ['server.hots', ['server.host', 'server.port'], 'server.host'],
  ['SERVER.PORT', ['server.port'], 'server.port'],
  ['servr', ['server', 'secrets'], 'server'],
  ['completely-else', ['port', 'host'], null],
  ['x', ['port'], null],
])('of %j among %j the meant one is %j', (name, candidates, meant) => {
  expect(nearestName(name, candidates)).toBe(meant);
});
