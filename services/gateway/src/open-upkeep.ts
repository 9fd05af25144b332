import type { AccountRegistry } from './accounts/account-registry.ts';
import type { Credentials } from './accounts/open-credentials.ts';
import type { Pressure } from './admission/pressure.ts';
import type { BindingsRoom } from './bindings/open-bindings.ts';
import type { LiveFigures } from './choice/live-figures.ts';
import type { Ground } from './ground.ts';
import type { Journal } from './settle/journal.ts';
import type { Quotas } from './settle/open-quotas.ts';
import type { Settler } from './settle/settler.ts';
import { pruneBindings } from './store/bindings.ts';
import { tidyIncidents } from './store/incidents.ts';
import { dropOldPartitions, makePartitions } from './store/partitions.ts';

interface UpkeepParts extends Pick<Ground, 'config' | 'database' | 'timing' | 'loopDelayMs' | 'nowMs' | 'wallClockMs' | 'log'> {
  readonly settler: Settler;
  readonly pressure: Pressure;
  readonly journal: Journal;
  readonly bound: BindingsRoom;
  readonly live: LiveFigures;
  readonly quotas: Quotas;
  readonly credentials: Credentials;
  readonly registry: Pick<AccountRegistry, 'tick'>;
}

/** What is looked after each second in memory, and each hour in the database, whatever requests there are. */
export interface Upkeep extends AsyncDisposable {
  /** Requests since the start that had outlived their connection, and were settled here. */
  readonly reclaimed: () => number;
}

const HOUR_MS = 3_600_000;
/** The first hourly part comes this much after the start: with a million bindings it takes seconds, which the first requests would feel. */
const FIRST_TIDY_MS = 1_000;
/** Bindings that one tick forgets at most; it takes less than a millisecond. */
const SWEPT_PER_TICK = 4_096;
const KEPT_INCIDENT_DAYS = 30;

/** Begins both. */
export function openUpkeep(parts: UpkeepParts): Upkeep {
  const { config, database, timing, loopDelayMs, nowMs, wallClockMs, log, settler, pressure, journal, bound, live, quotas, credentials, registry } = parts;
  let reclaimed = 0;
  const stallLimitMs = config['limits.stalled_client_ms'];
  const sweep = setInterval(() => {
    settler.cutStalled(nowMs() - stallLimitMs);
    reclaimed += settler.reclaim();
    pressure.tick({ loopDelayMs: loopDelayMs(), journalRows: journal.backlog });
    bound.clock.tick();
    bound.bindings.sweep(SWEPT_PER_TICK);
    live.settle();
    quotas.flush();
    credentials.tick();
    registry.tick();
  }, timing.upkeepMs);
  sweep.unref();

  const closing = new AbortController();
  const tidy = async (): Promise<void> => {
    await makePartitions(database.pool, wallClockMs(), 3);
    const days = await dropOldPartitions(database.pool, wallClockMs(), { keepDays: config['requests.keep_days'], keepRows: config['requests.keep_rows'] });
    if (days.length > 0) log.info('request_days_dropped', 'Old days of the request log were dropped', { names: days });
    await pruneBindings(database.pool, bound.limits, bound.clock, closing.signal);
    await tidyIncidents(database.pool, KEPT_INCIDENT_DAYS);
  };
  const notTidied = (error: unknown): void => {
    if (!closing.signal.aborted) log.warn('request_upkeep_failed', 'The upkeep of the request log failed; it runs again in an hour', { error });
  };
  let tidying = Promise.resolve();
  const tidyNext = (): void => void (tidying = tidying.then(tidy).catch(notTidied));
  const first = setTimeout(tidyNext, FIRST_TIDY_MS);
  first.unref();
  const hourly = setInterval(tidyNext, HOUR_MS);
  hourly.unref();

  return {
    reclaimed: () => reclaimed,
    [Symbol.asyncDispose]() {
      clearInterval(sweep);
      clearTimeout(first);
      clearInterval(hourly);
      closing.abort();
      return tidying;
    },
  };
}
