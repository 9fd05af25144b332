import type { Account, Snapshot } from '../choice/account.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { isFor, isServing } from '../choice/serving.ts';
import { LANES } from '../routes.ts';
import type { Lane } from '../routes.ts';

/** What readiness depends on. Health answers hold no versions and no paths (product section 1). */
export interface Readiness {
  /** `draining` once the server has begun to stop; `no_accounts` when no model is served; `not_ready` when some lane is not. */
  readonly status: Status;
  readonly lanes: Readonly<Partial<Record<Lane, 'ready' | 'not_ready'>>>;
  /** What is away although we go on. */
  readonly degraded: readonly Degraded[];
  /** What to do next, by each of the two above that is named. */
  readonly next_actions: Readonly<Partial<Record<Status | Degraded, string>>>;
}

type Status = 'ready' | 'draining' | 'no_accounts' | 'not_ready';
type Degraded = 'database' | 'bindings';

const NEXT_ACTIONS: Readonly<Record<Exclude<Status, 'ready'> | Degraded, string>> = {
  draining: 'This server is stopping. Send requests to another one, or start it again.',
  no_accounts: 'No account serves a model. Add one with `switchyard accounts add`, or see why those that there are do not with `switchyard accounts list`.',
  not_ready:
    'No account takes the lanes that are `not_ready`. `switchyard accounts list` shows why and for how long, `switchyard quota` when there is quota again; add an account that can take them. Requests are tried all the same.',
  database:
    'PostgreSQL does not answer, and requests go on from memory. Look at its log, or at the server that `DATABASE_URL` names; `switchyard doctor` says more.',
  bindings:
    'A crash now would lose to which accounts new conversations belong. That is over when the database answers and keeps up again; `switchyard doctor` says more.',
};

export interface ReadinessFacts {
  readonly snapshot: Snapshot;
  readonly live: Pick<LiveFigures, 'standing'>;
  readonly isStopping: boolean;
  /** Whether WebSockets are served where an account speaks them. */
  readonly isSocketOn: boolean;
  readonly hasDatabase: boolean;
  /** Whether what conversations are recognised by is written too late for its guarantee. */
  readonly isBehind: boolean;
}

/**
 * Whether requests can be served: each lane by some account that is not left alone after a failure and has quota. One that is merely
 * full can. The sandbox counts only where there is nothing else, WebSocket only where it is spoken, and what is not Responses only
 * where an account is no ChatGPT login.
 */
export function readinessOf({ snapshot, live, isStopping, isSocketOn, hasDatabase, isBehind }: ReadinessFacts): Readiness {
  const counted = snapshot.general.length > 0 ? snapshot.general : snapshot.accounts;
  const lanes: Partial<Record<Lane, 'ready' | 'not_ready'>> = {};
  for (const lane of LANES) {
    if (lane === 'websocket' && !isSocketOn) continue;
    const accounts = counted.filter((account) => isFor(account, lane));
    if (accounts.length === 0 && (lane === 'websocket' || counted.length > 0)) continue;
    lanes[lane] = accounts.some((account) => serves(account, live, lane)) ? 'ready' : 'not_ready';
  }
  const isReady = Object.values(lanes).every((state) => state === 'ready');
  const hasNone = snapshot.byModel.size === 0 && snapshot.limited === null;
  const status: Status = isStopping ? 'draining' : hasNone ? 'no_accounts' : isReady ? 'ready' : 'not_ready';
  const degraded: Degraded[] = [...(hasDatabase ? [] : (['database'] as const)), ...(hasDatabase && !isBehind ? [] : (['bindings'] as const))];
  const reasons = [...(status === 'ready' ? [] : [status]), ...degraded];
  return { status, lanes, degraded, next_actions: Object.fromEntries(reasons.map((reason) => [reason, NEXT_ACTIONS[reason]])) };
}

function serves({ slot }: Account, live: Pick<LiveFigures, 'standing'>, lane: Lane): boolean {
  return isServing(live.standing(slot, LANE_AT[lane]));
}
