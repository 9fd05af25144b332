import { expect, test } from 'vitest';
import { exchangeOf } from '../../test/waiting-exchange.ts';
import { account, figuresAt } from '../choice/fixtures/accounts.ts';
import { leavePlace, takePlace } from './lease.ts';

test('an exchange holds one place at a time, and gives it back once', () => {
  const { live } = figuresAt();
  const [a, b] = [account(live, 'a'), account(live, 'b')];
  const exchange = exchangeOf('responses');
  leavePlace(exchange, live);
  takePlace(exchange, a, live);
  takePlace(exchange, b, live);
  expect([live.inFlight(a.slot), live.inFlight(b.slot), exchange.countedAt?.name]).toEqual([0, 1, 'b']);
  leavePlace(exchange, live);
  leavePlace(exchange, live);
  expect([live.totalInFlight, exchange.countedAt]).toEqual([0, null]);
});
