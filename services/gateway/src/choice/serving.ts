import type { Lane } from '../routes.ts';
import type { Account } from './account.ts';
import type { Standing } from './standing.ts';

const SERVING: ReadonlySet<Standing> = new Set(['ready', 'soft_full', 'hard_full']);

/** Whether an account that stands so serves what is new: one that is merely full has work, not trouble. */
export function isServing(standing: Standing): boolean {
  return SERVING.has(standing);
}

/** Whether an account takes the requests of a lane at all. */
export function isFor({ kind, speaksWebSocket }: Pick<Account, 'kind' | 'speaksWebSocket'>, lane: Lane): boolean {
  return lane === 'websocket' ? speaksWebSocket : lane !== 'standard' || kind !== 'chatgpt';
}
