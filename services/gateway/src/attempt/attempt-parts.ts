import type { Logger } from '@switchyard/observability';
import type { AccountPlaces } from '../admission/account-places.ts';
import type { Pressure } from '../admission/pressure.ts';
import type { Account } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Holds } from './holds.ts';
import type { LookAheadEnd } from './look-ahead.ts';
import type { After } from './pause.ts';
import type { RetryBudget } from './retry-budget.ts';

/** What asking accounts needs, over HTTP and over a WebSocket. */
export interface AttemptParts {
  readonly live: LiveFigures;
  readonly metrics: GatewayMetrics;
  /** Counts an answer by the class of its status. */
  readonly answered: (status: number) => void;
  /** Counts a look at the opening of a stream by how it ended. */
  readonly lookedAhead: (ended: LookAheadEnd) => void;
  readonly retries: RetryBudget;
  /** Looks for a better credential after an account has refused its own: the account as it is then, null when it is as it was. Never rejects. */
  readonly recover: (account: Account) => Promise<Account | null>;
  /** The account does not serve the model for so long. */
  readonly limitModel: (accountId: string, model: string, forMs: number) => void;
  readonly places: Pick<AccountPlaces, 'wait'>;
  readonly pressure: Pick<Pressure, 'isOn'>;
  readonly holds: Holds;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly wallClockMs: () => number;
  readonly after: After;
  readonly limits: { readonly headTimeoutMs: number; readonly compactTimeoutMs: number; readonly idleTimeoutMs: number };
}
