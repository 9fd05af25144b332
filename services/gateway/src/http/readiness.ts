import type { Account, Snapshot } from '../choice/account.ts';
import { LANE_AT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { LANES } from '../routes.ts';
import type { Lane } from '../routes.ts';

/** What readiness depends on. Health answers hold no versions and no paths (product section 1). */
export interface Readiness {
  /** `draining` once the server has begun to stop; `no_accounts` when no model is served; `not_ready` when some lane is not. */
  readonly status: 'ready' | 'draining' | 'no_accounts' | 'not_ready';
  readonly lanes: Readonly<Partial<Record<Lane, 'ready' | 'not_ready'>>>;
  /** What is away although we go on. */
  readonly degraded: readonly ('database' | 'bindings')[];
}

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
  return {
    status: isStopping ? 'draining' : snapshot.byModel.size === 0 && snapshot.limited === null ? 'no_accounts' : isReady ? 'ready' : 'not_ready',
    lanes,
    degraded: [...(hasDatabase ? [] : (['database'] as const)), ...(hasDatabase && !isBehind ? [] : (['bindings'] as const))],
  };
}

const SERVING: ReadonlySet<string> = new Set(['ready', 'soft_full', 'hard_full']);

function isFor({ kind, speaksWebSocket }: Account, lane: Lane): boolean {
  return lane === 'websocket' ? speaksWebSocket : lane !== 'standard' || kind !== 'chatgpt';
}

function serves({ slot }: Account, live: Pick<LiveFigures, 'standing'>, lane: Lane): boolean {
  return SERVING.has(live.standing(slot, LANE_AT[lane]));
}
