import type { Config } from '@switchyard/config';

/** What is said of one kind of binding. */
interface KindRow {
  /** As stored; never given to another kind. */
  readonly code: number;
  /**
   * `global`: an upstream makes the id unique, so it is looked up alone, and who may use it is a value of the binding. `namespace`: clients choose
   * it, or servers repeat it (`call_1`), so the same id of two namespaces is two bindings.
   */
  readonly scope: 'global' | 'namespace';
  /** Kept at most; the one that was used longest ago goes first. */
  readonly limit: number;
  /** Forgotten after this many seconds without use. */
  readonly lastsS: number;
  /** Outlives the process. */
  readonly durable: boolean;
  /** May be bound anew to another account; of the others the first account keeps the id. */
  readonly moves: boolean;
}

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

/** By what a request can be recognised as the continuation of an earlier one (product section 4). */
export const BINDING_KINDS = {
  response: { code: 1, scope: 'global', limit: 16_384, lastsS: 30 * DAY_S, durable: true, moves: false },
  turn_state: { code: 2, scope: 'namespace', limit: 2_048, lastsS: DAY_S, durable: true, moves: false },
  session: { code: 3, scope: 'namespace', limit: 2_048, lastsS: 30 * DAY_S, durable: true, moves: true },
  // A session may be compacted again, and its last compaction is the one that it goes on from.
  lineage_session: { code: 4, scope: 'namespace', limit: 2_048, lastsS: 30 * DAY_S, durable: true, moves: true },
  lineage_turn: { code: 5, scope: 'namespace', limit: 2_048, lastsS: DAY_S, durable: true, moves: false },
  call: { code: 6, scope: 'namespace', limit: 16_384, lastsS: DAY_S, durable: true, moves: true },
  encrypted: { code: 7, scope: 'namespace', limit: 16_384, lastsS: 30 * DAY_S, durable: true, moves: false },
  file: { code: 8, scope: 'global', limit: 16_384, lastsS: 30 * DAY_S, durable: true, moves: false },
  conversation: { code: 9, scope: 'global', limit: 16_384, lastsS: 30 * DAY_S, durable: true, moves: false },
  cache: { code: 10, scope: 'namespace', limit: 2_048, lastsS: 6 * HOUR_S, durable: false, moves: true },
} as const satisfies Readonly<Record<string, KindRow>>;

export type BindingKind = keyof typeof BINDING_KINDS;

/** How many bindings of each kind are kept, in memory and in the database. */
export type KindLimits = Readonly<Record<BindingKind, number>>;

export const KINDS = Object.keys(BINDING_KINDS) as readonly BindingKind[];

const byCode = new Map<number, BindingKind>(KINDS.map((kind) => [BINDING_KINDS[kind].code, kind]));

/** The kind that a stored code means; undefined for one of a later version. */
export function kindOfCode(code: number): BindingKind | undefined {
  return byCode.get(code);
}

/** How many of each kind the settings keep. */
export function bindingLimits(config: Config): KindLimits {
  return kindLimits({
    response: config['affinity.max_responses'],
    turn_state: config['affinity.max_turn_states'],
    session: config['affinity.max_sessions'],
  });
}

/** The limits of the table above, but for those that are said otherwise. */
export function kindLimits(changed: Partial<KindLimits>): KindLimits {
  return { ...(Object.fromEntries(KINDS.map((kind) => [kind, BINDING_KINDS[kind].limit])) as KindLimits), ...changed };
}
