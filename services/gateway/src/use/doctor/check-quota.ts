import { TOLERATED_MS } from '../../choice/quota-windows.ts';
import type { QuotaView } from '../quota.ts';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Kinds whose quota is asked for regularly, so that an old reading means that asking fails. */
const ASKED: ReadonlySet<string> = new Set(['chatgpt']);

/** Whether there is quota, and whether what is known of it is of today. */
export function checkQuota(facts: DoctorFacts): Finding[] {
  return [...allBlocked(facts), ...stale(facts)];
}

/** Whether every account is out of quota, as far as is known. */
export function isOutOfQuota(facts: DoctorFacts): boolean {
  const real = realOf(facts);
  return real.length > 0 && real.every((view) => isOut(view, facts.atMs));
}

function realOf({ quota, stored }: DoctorFacts): QuotaView[] {
  const kinds = new Map(stored?.tables?.accounts.map(({ id, kind }) => [id, kind]));
  return quota.filter(({ account_id: id }) => kinds.get(id) !== 'sandbox');
}

function isOut({ blocked_until: until, band }: QuotaView, atMs: number): boolean {
  return (until !== null && Date.parse(until) > atMs) || band === 'exhausted';
}

function allBlocked(facts: DoctorFacts): Finding[] {
  if (!isOutOfQuota(facts)) return [];
  return [
    {
      id: 'all_blocked',
      severity: 'error',
      cause: 'Every account is out of quota, so requests are refused until one has some again.',
      evidence: realOf(facts).map((view) => `${view.account}: until ${untilOf(view)}`),
      next_action: 'Wait for the first of these moments, or add an account: `switchyard accounts add --help`. `switchyard quota` shows what is left of each.',
    },
  ];
}

function untilOf({ blocked_until: blocked, short, weekly }: QuotaView): string {
  const exhausted = [short, weekly].filter((window) => window !== null && window.left_percent <= 0).map((window) => window!.resets_at);
  return blocked ?? exhausted.toSorted().at(-1) ?? 'nobody said when';
}

function stale({ quota, stored, live, atMs }: DoctorFacts): Finding[] {
  if (live === null) return [];
  const kinds = new Map(stored?.tables?.accounts.map(({ id, kind }) => [id, kind]));
  const seen = quota.filter(({ seen_at: at }) => at !== null && atMs - Date.parse(at) > TOLERATED_MS);
  if (seen.length === 0) return [];
  return [
    {
      id: 'quota_stale',
      severity: seen.some(({ account_id: id }) => ASKED.has(kinds.get(id) ?? '')) ? 'warning' : 'info',
      cause: 'What is known of the quota of an account is more than half an hour old.',
      evidence: seen.map(({ account, seen_at: at, source }) => `${account}: ${source === 'stored' ? 'of an earlier start, ' : ''}seen ${at}`),
      next_action:
        'Where no request goes to the account nothing is told anew, and that is well. An account of kind chatgpt is asked by itself: see the log for why that fails.',
    },
  ];
}
