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
  /** Why that comes about, as one sentence. */
  readonly cause: string;
  /** What to do about it, also when it is over, as one or more sentences. */
  readonly nextAction: string;
  /** So long it has to be seen before it is one, in milliseconds. */
  readonly lastsMs: number;
  /** What it is seen by; null when it is not so. */
  readonly seen: (now: IncidentSample, before: IncidentSample) => string | null;
}

/** Answers between two looks of which a share says something. */
const ENOUGH_WAITS = 20;

/** What opens an incident. Each is closed when it has not been seen for a minute. */
export const INCIDENT_RULES = {
  database_away: {
    cause: 'The database had ended, could not be reached, or was too busy to answer.',
    nextAction:
      'Look at the machine and the disk that it runs on, and in postgres.log of the home. Traffic goes on meanwhile, and what waits is written when it is back.',
    lastsMs: 0,
    seen: ({ isDatabaseUp }) => (isDatabaseUp ? null : 'The database did not answer; what was bound did not outlive a crash.'),
  },
  binding_conflict: {
    cause: 'Two accounts lead to upstreams that give out the same ids, or two servers bound an id while they could not hear each other.',
    nextAction: 'Give each upstream one account. `switchyard sessions` lists the ids, and `switchyard sessions forget DIGEST` ends each.',
    lastsMs: 0,
    seen: ({ conflicts }) => (conflicts === 0 ? null : `Ids that two accounts claim: ${conflicts}.`),
  },
  late_bindings: {
    cause: 'The database took longer to commit than an answer waits for it.',
    nextAction: 'Look at the disk of the database, and at what else it has to do.',
    lastsMs: 0,
    seen: ({ waits }, before) => {
      const late = waits.late - before.waits.late;
      const all = late + waits.durable - before.waits.durable;
      return all >= ENOUGH_WAITS && late * 100 > all ? `${late} of ${all} answers went out before what they bind was durable.` : null;
    },
  },
  journal_lost: {
    cause: 'The database was away, or too slow, for longer than could be kept in memory, or refused a row.',
    nextAction: 'See `journal_row_refused` and `database_away` in the log for which it was. What was lost does not come back.',
    lastsMs: 0,
    seen: ({ journalLost }, before) =>
      journalLost > before.journalLost ? `Rows of the request log or bindings were given up: ${journalLost} since the start.` : null,
  },
  all_blocked: {
    cause: 'All accounts together were asked for more than their quota.',
    nextAction: 'See `switchyard quota` for when each is back. Where it happens often, add an account: `switchyard accounts add --help`.',
    lastsMs: 0,
    seen: ({ accounts, blocked }) => (accounts > 0 && blocked === accounts ? `None of ${accounts} accounts had quota.` : null),
  },
  login_lost: {
    cause: 'A login was ended at its issuer, or its refresh token was used by another program.',
    nextAction:
      'Sign in again in the Codex home that it was added from (CODEX_HOME=… codex login), from where it is taken by itself; or remove it and add it again.',
    lastsMs: 0,
    seen: ({ loggedOut }) => (loggedOut.length === 0 ? null : `A new login is needed: ${loggedOut.join(', ')}.`),
  },
  retries_refused: {
    cause: 'So many requests failed at once that trying them all again would have made it worse.',
    nextAction: 'When all accounts fail at once it is more likely the network of this machine than the upstreams: try `switchyard accounts test NAME`.',
    lastsMs: 60_000,
    seen: ({ retriesRefused }, before) =>
      retriesRefused > before.retriesRefused
        ? `Upstreams failed for nearly everybody, so that requests were not retried: ${retriesRefused} since the start.`
        : null,
  },
  lease_reclaimed: {
    cause: 'A fault of Switchyard let a request go without ending it.',
    nextAction: 'Nothing has to be done: its place was given back. Whoever mends it is helped by `switchyard doctor --bundle FILE`.',
    lastsMs: 0,
    seen: ({ leasesReclaimed }, before) =>
      leasesReclaimed > before.leasesReclaimed ? `A request had not ended though its connection was gone: ${leasesReclaimed} since the start.` : null,
  },
} as const satisfies Readonly<Record<string, IncidentRule>>;

export type IncidentKind = keyof typeof INCIDENT_RULES;
export const INCIDENT_KINDS = Object.keys(INCIDENT_RULES) as readonly IncidentKind[];
