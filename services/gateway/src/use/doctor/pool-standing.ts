import type { Account, Snapshot } from '../../choice/account.ts';
import { LANE_AT } from '../../choice/lanes.ts';
import type { LiveFigures } from '../../choice/live-figures.ts';
import type { AccountTable, Pool } from '../../choice/pool.ts';
import { isFor, isServing } from '../../choice/serving.ts';
import { LANES } from '../../routes.ts';
import type { Lane } from '../../routes.ts';
import type { PoolMember, PoolStanding } from './facts.ts';

/** How every pool stands that requests can be sent to: those that are declared, and that of keys that name none. */
export function poolStandings(table: AccountTable, live: LiveFigures, isSocketOn: boolean): PoolStanding[] {
  const lanes = LANES.filter((lane) => lane !== 'websocket' || isSocketOn);
  return [...new Set([table.pool, ...table.pools.values()])].map((pool) => standingOfPool(pool, live, lanes));
}

function standingOfPool(pool: Pool, live: LiveFigures, lanes: readonly Lane[]): PoolStanding {
  const asked = [pool, ...(pool.fallback ?? [])].map(({ members }) => members);
  const taken = lanes.filter((lane) => asked.some((members) => takersOf(members, lane).length > 0));
  const out = taken.filter((lane) => !asked.some((members) => serves(members, live, lane)));
  const stoodIn = taken.filter((lane) => !out.includes(lane) && !serves(pool.members, live, lane));
  const seen = out[0] ?? stoodIn[0];
  return {
    name: pool.name,
    taken,
    out,
    stoodIn,
    members: seen === undefined ? [] : (out.length > 0 ? asked : [pool.members]).flatMap((members) => membersOn(members, live, seen)),
  };
}

/** The accounts that take a lane. The sandbox counts only where there is nothing else. */
function takersOf({ general, accounts }: Snapshot, lane: Lane): readonly Account[] {
  return (general.length > 0 ? general : accounts).filter((account) => isFor(account, lane));
}

function serves(members: Snapshot, live: LiveFigures, lane: Lane): boolean {
  return takersOf(members, lane).some(({ slot }) => isServing(live.orderOf(members).standing(slot, LANE_AT[lane])));
}

function membersOn(members: Snapshot, live: LiveFigures, lane: Lane): PoolMember[] {
  const order = live.orderOf(members);
  const at = LANE_AT[lane];
  return takersOf(members, lane).map(({ name, slot }) => {
    const standing = order.standing(slot, at);
    // One that is out of quota is not held back by what it has failed of besides.
    const reason = standing === 'backing_off' || standing === 'circuit_open' ? live.failedOf(slot, at) : null;
    return { name, standing, reason, backInMs: Math.max(0, live.backInMs(slot, at, order.tier(slot, at))) };
  });
}
