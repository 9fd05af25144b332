import { expect, test } from 'vitest';
import { account, adopted, figuresAt } from '../choice/fixtures/accounts.ts';
import { openRelay } from './open-relay.ts';

type Parts = Parameters<typeof openRelay>[0];

/** Whether a session may leave the account `a`, which is blocked for so long. */
function mayLeave(blockedMs: number | null, accountId = 'a'): boolean {
  const { live, wallClockMs } = figuresAt();
  const one = account(live, 'a');
  const registry = { snapshot: adopted(live, [one]) } as Parts['registry'];
  if (blockedMs !== null) live.block(one.slot, blockedMs, false);
  const rest = { config: {}, bound: {}, attempts: {}, nowMs: () => 0 } as Pick<Parts, 'config' | 'bound' | 'attempts' | 'nowMs'>;
  return openRelay({ ...rest, registry, live, wallClockMs }).mayLeave(accountId);
}

test('a session leaves for good an account that is gone or out of quota, not one that is back within the minute', () => {
  expect([mayLeave(null), mayLeave(20_000), mayLeave(60_000), mayLeave(60_001), mayLeave(18_000_000)]).toEqual([false, false, false, true, true]);
  expect(mayLeave(null, 'gone')).toBe(true);
});
