import type { UpstreamFailureReason } from '@switchyard/contracts';
import type { BackoffReason } from '../choice/back-offs.ts';

/** What an attempt showed, as far as the table asks. */
export interface AttemptFacts {
  /** Of the answer, or the one that an error event in its opening stands for; null without an answer. */
  readonly status: number | null;
  /** Why there was no answer; `ended` when a stream ended properly before it had said anything. */
  readonly failure: UpstreamFailureReason | 'ended' | null;
  readonly code: string | null;
  readonly type: string | null;
}

/** One row: which attempts it is for, and what follows. What is left out holds for every attempt. */
export interface PolicyRow {
  readonly name: string;
  readonly statuses?: readonly number[] | '5xx';
  /** Codes or types of which the error must have one; `none` when it must have no code. */
  readonly codes?: ReadonlySet<string> | 'none';
  readonly failures?: readonly AttemptFacts['failure'][];
  /** For a request that any account may answer. */
  readonly free: 'next' | 'relay';
  /** For a request that only its owner may answer: as often as there are own retries, once, or not at all. */
  readonly owner: 'again' | 'again_once' | 'relay';
  /** Why the account is put aside; null when it is not. */
  readonly backoff: BackoffReason | null;
}

const ALLOWANCE = [402, 403, 429];
const DEACTIVATED = new Set(['deactivated_workspace', 'account_deactivated', 'billing_not_active']);
const QUOTA = new Set([
  'insufficient_quota',
  'quota_exhausted',
  'quota_exceeded',
  'resource_exhausted',
  'rate_limit_exceeded',
  'usage_limit_reached',
  'usage_not_included',
  'credit_balance_exhausted',
  'workspace_owner_credits_depleted',
  'workspace_member_credits_depleted',
  'workspace_owner_usage_limit_reached',
  'workspace_member_usage_limit_reached',
]);
const OVERLOAD = new Set(['server_is_overloaded', 'slow_down']);
const NOT_FOUND = new Set(['previous_response_not_found']);

/**
 * What happens before commit: the first row that matches decides (product section 2). What no row but the last knows is between the client
 * and the upstream, and passes unchanged.
 */
export const POLICY = [
  { name: 'credential_refused', statuses: [401], free: 'next', owner: 'relay', backoff: 'auth' },
  { name: 'deactivated', statuses: ALLOWANCE, codes: DEACTIVATED, free: 'next', owner: 'relay', backoff: 'forbidden' },
  { name: 'quota', statuses: ALLOWANCE, codes: QUOTA, free: 'next', owner: 'relay', backoff: 'quota' },
  { name: 'overloaded', statuses: '5xx', codes: OVERLOAD, free: 'next', owner: 'again', backoff: 'overload' },
  { name: 'server_error', statuses: '5xx', free: 'next', owner: 'again', backoff: 'server_error' },
  { name: 'unreachable', failures: ['connect', 'connect_timeout'], free: 'next', owner: 'again', backoff: 'transport' },
  // Whoever was silent for as long as a request may last will not be asked the same again.
  { name: 'silent', failures: ['head_timeout', 'idle_timeout'], free: 'next', owner: 'relay', backoff: 'transport' },
  { name: 'broken_off', failures: ['reset', 'protocol', 'ended'], free: 'next', owner: 'again', backoff: 'transport' },
  { name: 'response_not_found', statuses: [400, 404], codes: NOT_FOUND, free: 'relay', owner: 'again_once', backoff: null },
  { name: 'forbidden', statuses: [403], codes: 'none', free: 'relay', owner: 'relay', backoff: null },
  { name: 'passed_on', free: 'relay', owner: 'relay', backoff: null },
] as const satisfies readonly PolicyRow[];

export type PolicyName = (typeof POLICY)[number]['name'];
/** In the order of the table. The command line has words for each. */
export const POLICY_NAMES: readonly PolicyName[] = POLICY.map(({ name }) => name);
type Row = PolicyRow & { readonly name: PolicyName };

/** The row for whatever is the client's. */
export const PASSED_ON: Row = POLICY.at(-1)!;

export function policyFor(facts: AttemptFacts): Row {
  return (POLICY as readonly Row[]).find((row) => matches(row, facts))!; // the last row matches everything
}

function matches({ statuses, codes, failures }: PolicyRow, { status, failure, code, type }: AttemptFacts): boolean {
  if (statuses !== undefined && (status === null || !(statuses === '5xx' ? status >= 500 : statuses.includes(status)))) return false;
  if (failures !== undefined && !failures.includes(failure)) return false;
  if (codes === undefined) return true;
  return codes === 'none' ? code === null : (code !== null && codes.has(code)) || (type !== null && codes.has(type));
}

/**
 * The status that an upstream would have answered with, had it known before its stream began what an error event in its opening says.
 * So one table judges both.
 */
export function statusOfEvent({ code, type }: Pick<AttemptFacts, 'code' | 'type'>): number {
  const named = (set: ReadonlySet<string>): boolean => (code !== null && set.has(code)) || (type !== null && set.has(type));
  if (named(QUOTA) || named(DEACTIVATED)) return 429;
  return named(OVERLOAD) || (code ?? type) === 'server_error' ? 500 : 400;
}
