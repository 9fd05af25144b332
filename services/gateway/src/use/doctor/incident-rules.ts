/** What a server sees of itself, every few seconds. Totals are since its start. */
export interface IncidentSample {
  readonly isDatabaseUp: boolean;
  readonly conflicts: number;
  readonly waits: { readonly durable: number; readonly late: number };
  readonly journalLost: number;
  readonly retriesRefused: number;
  readonly leasesReclaimed: number;
  /** Names of the accounts whose login is over. */
  readonly loggedOut: readonly string[];
  /** Accounts that serve models, and how many of them have no quota. */
  readonly accounts: number;
  readonly blocked: number;
}

interface IncidentRule {
  /** So long it has to be seen before it is one, in milliseconds. */
  readonly lastsMs: number;
  /** What it is seen by; null when it is not so. */
  readonly seen: (now: IncidentSample, before: IncidentSample) => string | null;
}

/** Answers between two looks of which a share says something. */
const ENOUGH_WAITS = 20;

/** What opens an incident. Each is closed when it has not been seen for a minute. */
export const INCIDENT_RULES = {
  database_away: { lastsMs: 0, seen: ({ isDatabaseUp }) => (isDatabaseUp ? null : 'The database did not answer; what was bound did not outlive a crash.') },
  binding_conflict: { lastsMs: 0, seen: ({ conflicts }) => (conflicts === 0 ? null : `Ids that two accounts claim: ${conflicts}.`) },
  late_bindings: {
    lastsMs: 0,
    seen: ({ waits }, before) => {
      const late = waits.late - before.waits.late;
      const all = late + waits.durable - before.waits.durable;
      return all >= ENOUGH_WAITS && late * 100 > all ? `${late} of ${all} answers went out before what they bind was durable.` : null;
    },
  },
  journal_lost: {
    lastsMs: 0,
    seen: ({ journalLost }, before) =>
      journalLost > before.journalLost ? `Rows of the request log or bindings were given up: ${journalLost} since the start.` : null,
  },
  all_blocked: { lastsMs: 0, seen: ({ accounts, blocked }) => (accounts > 0 && blocked === accounts ? `None of ${accounts} accounts had quota.` : null) },
  login_lost: { lastsMs: 0, seen: ({ loggedOut }) => (loggedOut.length === 0 ? null : `A new login is needed: ${loggedOut.join(', ')}.`) },
  retries_refused: {
    lastsMs: 60_000,
    seen: ({ retriesRefused }, before) =>
      retriesRefused > before.retriesRefused
        ? `Upstreams failed for nearly everybody, so that requests were not retried: ${retriesRefused} since the start.`
        : null,
  },
  lease_reclaimed: {
    lastsMs: 0,
    seen: ({ leasesReclaimed }, before) =>
      leasesReclaimed > before.leasesReclaimed ? `A request had not ended though its connection was gone: ${leasesReclaimed} since the start.` : null,
  },
} as const satisfies Readonly<Record<string, IncidentRule>>;

export type IncidentKind = keyof typeof INCIDENT_RULES;
export const INCIDENT_KINDS = Object.keys(INCIDENT_RULES) as readonly IncidentKind[];
