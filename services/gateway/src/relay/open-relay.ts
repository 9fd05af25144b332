import type { AccountRegistry } from '../accounts/account-registry.ts';
import { exhaustedUntilMs } from '../attempt/exhausted-owner.ts';
import type { AttemptParts } from '../attempt/attempt-parts.ts';
import { noteBroken } from '../attempt/note-attempt.ts';
import type { BindingsRoom } from '../bindings/open-bindings.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { quotaFromEvent } from '../choice/read-quota.ts';
import type { Ground } from '../ground.ts';
import type { RelayParts } from './relay-answer.ts';

interface RelayRoomParts extends Pick<Ground, 'config' | 'nowMs' | 'wallClockMs'> {
  readonly registry: AccountRegistry;
  readonly live: LiveFigures;
  readonly bound: BindingsRoom;
  readonly attempts: AttemptParts;
}

/** What passing answers on needs: where to bind what they tell, and where to note how they ended. */
export function openRelay({ config, nowMs, wallClockMs, registry, live, bound, attempts }: RelayRoomParts): RelayParts {
  return {
    bindings: bound.bindings,
    turnStates: bound.turnStates,
    mayLeave(accountId) {
      const account = registry.snapshot.byId.get(accountId);
      return account === undefined || exhaustedUntilMs(account, live, wallClockMs()) !== null;
    },
    nowMs,
    showAccount: config['gateway.account_header'],
    onBound: bound.onBound,
    onBroken: (exchange, account, failure) => noteBroken(exchange, account, failure, attempts),
    onQuota(account, json) {
      const reading = quotaFromEvent(json, wallClockMs());
      if (reading !== null) live.observe(account.slot, reading);
    },
  };
}
