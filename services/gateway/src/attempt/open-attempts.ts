import type { AccountRegistry } from '../accounts/account-registry.ts';
import type { Admission } from '../admission/open-admission.ts';
import type { Account } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { Ground } from '../ground.ts';
import { tallies } from '../metrics.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { Holds } from './holds.ts';
import { RetryBudget } from './retry-budget.ts';

interface AttemptsParts extends Pick<Ground, 'config' | 'metrics' | 'timing' | 'nowMs' | 'wallClockMs' | 'log'> {
  readonly live: LiveFigures;
  readonly registry: Pick<AccountRegistry, 'limitModel'>;
  readonly admission: Admission;
  readonly recover: (account: Account) => Promise<Account | null>;
}

const STATUS_CLASSES = ['0', '1', '2', '3', '4', '5'] as const;

/** What asking accounts needs. */
export function openAttempts({ config, metrics, timing, nowMs, wallClockMs, log, live, registry, admission, recover }: AttemptsParts): AttemptParts {
  const { gate, pressure, places } = admission;
  const countAnswer = tallies(metrics.switchyard_upstream_attempts_total, (digit) => ({ class: `${digit}xx` }));
  const retries = new RetryBudget(() => gate.active, nowMs);
  metrics.switchyard_retries_in_progress.follow(() => retries.taken);
  return {
    live,
    metrics,
    retries,
    recover,
    limitModel: (accountId, model, forMs) => registry.limitModel(accountId, model, forMs),
    holds: new Holds(nowMs, timing.after),
    after: timing.after,
    pressure,
    places,
    lookedAhead: tallies(metrics.switchyard_look_aheads_total, (ended) => ({ ended })),
    answered: (status) => countAnswer(STATUS_CLASSES[Math.floor(status / 100)] ?? '5'),
    log,
    nowMs,
    wallClockMs,
    limits: {
      headTimeoutMs: config['upstream.request_timeout_ms'],
      compactTimeoutMs: config['upstream.compact_timeout_ms'],
      idleTimeoutMs: config['upstream.idle_timeout_ms'],
    },
  };
}
