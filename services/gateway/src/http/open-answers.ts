import type { AccountRegistry } from '../accounts/account-registry.ts';
import type { Pressure } from '../admission/pressure.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { nextQuota } from '../choice/next-quota.ts';
import { poolFor } from '../choice/pool.ts';
import type { Ground } from '../ground.ts';
import { ownAnswers } from './own-answers.ts';
import { readinessOf } from './readiness.ts';
import { usageOf } from './wham-answers.ts';

interface AnswersParts extends Pick<Ground, 'config' | 'database' | 'docsPath' | 'wallClockMs'> {
  readonly registry: AccountRegistry;
  readonly live: LiveFigures;
  readonly pressure: Pressure;
  readonly isStopping: () => boolean;
}

/** The answers that no account gives, from what is known now. */
export function openAnswers({ config, database, docsPath, wallClockMs, registry, live, pressure, isStopping }: AnswersParts): ReturnType<typeof ownAnswers> {
  return ownAnswers(
    () => registry.snapshot,
    () =>
      readinessOf({
        snapshot: registry.snapshot,
        live,
        isStopping: isStopping(),
        isSocketOn: config['websocket.enabled'],
        hasDatabase: database.isAvailable(),
        isBehind: pressure.of('journal') > 0,
      }),
    docsPath,
    (key, accountId) => usageOf(accountId, nextQuota(poolFor(registry.snapshot, key), live, key, wallClockMs()), wallClockMs() / 1_000),
  );
}
