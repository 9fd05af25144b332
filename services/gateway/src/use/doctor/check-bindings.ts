import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Whether conversations find their accounts, and whether that would outlive a crash. */
export function checkBindings(facts: DoctorFacts): Finding[] {
  return [...conflicts(facts), ...missing(facts), ...full(facts), ...late(facts), ...suspended(facts)];
}

function conflicts({ stored }: DoctorFacts): Finding[] {
  const seen = stored?.tables?.bindings.conflicts ?? [];
  if (seen.length === 0) return [];
  return [
    {
      id: 'binding_conflicts',
      severity: 'error',
      cause: 'Two accounts claim the same id, so whoever continues it is refused: two upstreams give out the same ids, or one upstream is added twice.',
      evidence: seen.map(
        ({ kind, digest, key, used_at: usedAt }) => `${kind} ${digest}${key === null ? '' : ` of the key "${key}"`}, last used ${usedAt.toISOString()}`,
      ),
      next_action: 'Give each upstream one account. Then end each conflict: `switchyard sessions forget DIGEST`; what continues it may go to any account.',
    },
  ];
}

function missing({ stored }: DoctorFacts): Finding[] {
  const seen = stored?.tables?.bindings.missing ?? [];
  if (seen.length === 0) return [];
  return [
    {
      id: 'bindings_to_missing_accounts',
      severity: 'warning',
      cause: 'Conversations belong to accounts that do not exist any more, so whoever continues one is refused.',
      evidence: seen.map(({ account_id: id, count }) => `${count} of ${id}`),
      next_action:
        'They are given up by themselves when nobody uses them. To let one go sooner: `switchyard sessions forget ID`. `accounts remove` forgets them; rows were deleted by other means.',
    },
  ];
}

function full({ stored }: DoctorFacts): Finding[] {
  const seen = (stored?.tables?.bindings.kinds ?? []).filter(({ warm, verified, suspect, dead, limit }) => warm + verified + suspect + dead >= limit);
  if (seen.length === 0) return [];
  return [
    {
      id: 'bindings_full',
      severity: 'info',
      cause: 'As many bindings of a kind are kept as may be, and the one that was used longest ago goes for each that comes.',
      evidence: seen.map(({ kind, limit }) => `${kind}: ${limit}`),
      next_action: 'Where conversations are continued after longer pauses, raise affinity.max_responses, affinity.max_turn_states or affinity.max_sessions.',
    },
  ];
}

/** Below so many waits a share of them says nothing. */
const ENOUGH = 100;

function late({ live }: DoctorFacts): Finding[] {
  if (live === null) return [];
  const { durable, late: tooLate } = live.waits;
  if (durable + tooLate < ENOUGH || tooLate * 100 <= durable + tooLate) return [];
  return [
    {
      id: 'bindings_late',
      severity: 'warning',
      cause: 'The database commits so slowly that answers go out before what they bind is durable; a crash just then would lose it.',
      evidence: [`${tooLate} of ${durable + tooLate} answers since the start waited 50 ms in vain.`],
      next_action: 'Look at the disk of the database, and at what else it has to do.',
    },
  ];
}

function suspended({ live, stored }: DoctorFacts): Finding[] {
  if (live === null || live.waits.suspended === 0) return [];
  return [
    {
      id: 'bindings_suspended',
      severity: stored === null ? 'error' : 'warning',
      cause: 'Answers went out while the database was away, so what they bind was in memory alone.',
      evidence: [
        `${live.waits.suspended} answers since the start.`,
        stored === null ? 'It is away now.' : `It answers again; ${live.journal.waiting} rows still wait for it.`,
      ],
      next_action:
        stored === null
          ? 'Bring the database back before the server is restarted.'
          : 'Nothing, unless the server crashed meanwhile; see `database_away` in its log for when and why.',
    },
  ];
}
