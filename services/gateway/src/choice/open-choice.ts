import type { PoolEntry } from '@switchyard/config';
import type { Ground } from '../ground.ts';
import { heuristicsWhere } from './heuristics.ts';
import { LiveFigures } from './live-figures.ts';
import type { PoolRules } from './pool.ts';

/** What is known of accounts, nothing yet, and the rules of the pools that they are ordered by. */
export function openChoice({ config, nowMs, wallClockMs }: Pick<Ground, 'config' | 'nowMs' | 'wallClockMs'>) {
  const strategy = config['choice.strategy'];
  const pools = config.pools.map((pool) => rulesOf(pool, strategy));
  const uses = heuristicsWhere((name) => config[`choice.${name}`]);
  return { live: new LiveFigures({ nowMs, wallClockMs }, strategy, pools, uses), pools };
}

function rulesOf({ name, accounts, strategy, movesExhausted, reservePercent, fallback }: PoolEntry, otherwise: PoolRules['strategy']): PoolRules {
  return { name, accounts, strategy: strategy ?? otherwise, movesExhausted, reservePercent, fallback };
}
