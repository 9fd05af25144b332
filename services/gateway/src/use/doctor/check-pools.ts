import type { Standing } from '../../choice/standing.ts';
import { isOutOfQuota } from './check-quota.ts';
import type { DoctorFacts, PoolMember, PoolStanding } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether every pool has an account that can serve each lane now, whatever holds the others back. */
export function checkPools(facts: DoctorFacts): Finding[] {
  // With every account out of quota that is said once, and not of each pool.
  if (facts.live === null || isOutOfQuota(facts)) return [];
  const { pools } = facts.live;
  return [...pools.filter(({ out }) => out.length > 0).map(out), ...pools.filter((pool) => pool.out.length === 0 && pool.stoodIn.length > 0).map(stoodIn)];
}

function out({ name, taken, out: lanes, members }: PoolStanding): Finding {
  return {
    id: 'pool_cannot_serve',
    severity: 'error',
    cause: `No account of the pool \`${name}\`, nor of those that stand in for it, can serve a new request${lanesText(lanes, taken)}. Those that have failed are asked all the same.`,
    evidence: members.map(memberText),
    next_action:
      'Wait for the first of these to be back, mend what fails (`switchyard accounts test NAME` says whether it answers again), or give the pool another account or a stand-in. When all fail at once it is more likely the network of this machine than the upstreams.',
  };
}

function stoodIn({ name, taken, stoodIn: lanes, members }: PoolStanding): Finding {
  return {
    id: 'pool_stood_in',
    severity: 'warning',
    cause: `No account of the pool \`${name}\` itself can serve a new request${lanesText(lanes, taken)}; a pool that stands in for it does.`,
    evidence: members.map(memberText),
    next_action: 'Nothing, when that is what the stand-in is for. `switchyard accounts list` and `switchyard quota` show when its own are back.',
  };
}

function lanesText(lanes: readonly string[], taken: readonly string[]): string {
  return lanes.length === taken.length ? '' : ` on the ${lanes.length === 1 ? 'lane' : 'lanes'} ${lanes.join(', ')}`;
}

const WORDS: Readonly<Partial<Record<Standing, string>>> = {
  backing_off: 'left alone',
  circuit_open: 'left alone as unhealthy',
  quota_blocked: 'out of quota',
  exhausted: 'out of quota',
  reserve: 'down to the reserve of its quota',
};

function memberText({ name, standing, reason, backInMs }: PoolMember): string {
  const why = reason === null ? '' : ` (${reason})`;
  return `${name}: ${WORDS[standing] ?? standing}${why}${backInMs === 0 ? '' : `, back in ${Math.round(backInMs / 1_000)} s`}`;
}
