import { UPSTREAM_FAILURES } from '@switchyard/contracts';
import { expect, test } from 'vitest';
import { POLICY, POLICY_NAMES, policyFor, statusOfEvent } from './policy.ts';

// The table once more, copied by hand from the product page, so that a change of one without the other is seen.
const ROWS = [
  ['credential_refused', 'next', 'relay', 'auth'],
  ['deactivated', 'next', 'relay', 'forbidden'],
  ['quota', 'next', 'relay', 'quota'],
  ['overloaded', 'next', 'again', 'overload'],
  ['server_error', 'next', 'again', 'server_error'],
  ['unreachable', 'next', 'again', 'transport'],
  ['silent', 'next', 'relay', 'transport'],
  ['broken_off', 'next', 'again', 'transport'],
  ['response_not_found', 'relay', 'again_once', null],
  ['forbidden', 'relay', 'relay', null],
  ['passed_on', 'relay', 'relay', null],
] as const;

const QUOTA_CODES = [
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
];
const DEACTIVATED_CODES = ['deactivated_workspace', 'account_deactivated', 'billing_not_active'];
const OVERLOAD_CODES = ['server_is_overloaded', 'slow_down'];
const OTHER_CODES = [null, 'invalid_api_key', 'model_not_found', 'context_length_exceeded', 'tokens', 'server_error'];
const EVERY_CODE = [...QUOTA_CODES, ...DEACTIVATED_CODES, ...OVERLOAD_CODES, ...OTHER_CODES, 'previous_response_not_found'];

/** The same table as a person would say it. */
function said(status: number, code: string | null): (typeof ROWS)[number][0] {
  if (status === 401) return 'credential_refused';
  if ([402, 403, 429].includes(status) && code !== null && DEACTIVATED_CODES.includes(code)) return 'deactivated';
  if ([402, 403, 429].includes(status) && code !== null && QUOTA_CODES.includes(code)) return 'quota';
  if (status >= 500 && code !== null && OVERLOAD_CODES.includes(code)) return 'overloaded';
  if (status >= 500) return 'server_error';
  if ([400, 404].includes(status) && code === 'previous_response_not_found') return 'response_not_found';
  if (status === 403 && code === null) return 'forbidden';
  return 'passed_on';
}

test('the rows are those of the product page, in its order', () => {
  expect(POLICY.map(({ name, free, owner, backoff }) => [name, free, owner, backoff])).toEqual(ROWS);
  expect(POLICY_NAMES).toEqual(ROWS.map(([name]) => name));
});

test('every status with every code, told as code or as type, finds its row', () => {
  const found = new Set<string>();
  for (let status = 200; status < 600; status++) {
    for (const code of EVERY_CODE) {
      const { name } = policyFor({ status, failure: null, code, type: null });
      expect([status, code, name]).toEqual([status, code, said(status, code)]);
      found.add(name);
      if (code === null) continue;
      // A type alone counts like a code, but for the row of those that have none.
      const byType = said(status, code);
      expect(policyFor({ status, failure: null, code: null, type: code }).name).toBe(status === 403 && byType === 'passed_on' ? 'forbidden' : byType);
    }
  }
  expect([...found].sort()).toEqual([
    'credential_refused',
    'deactivated',
    'forbidden',
    'overloaded',
    'passed_on',
    'quota',
    'response_not_found',
    'server_error',
  ]);
});

test('every failure finds its row', () => {
  const rows = [...UPSTREAM_FAILURES, 'ended' as const].map((failure) => [failure, policyFor({ status: null, failure, code: null, type: null }).name]);
  expect(Object.fromEntries(rows)).toEqual({
    connect: 'unreachable',
    connect_timeout: 'unreachable',
    head_timeout: 'silent',
    idle_timeout: 'silent',
    reset: 'broken_off',
    protocol: 'broken_off',
    aborted: 'passed_on', // by us, for a client that has left
    ended: 'broken_off',
  });
});

test('an error event stands for the status that the upstream would have answered with', () => {
  for (const code of [...QUOTA_CODES, ...DEACTIVATED_CODES]) expect(statusOfEvent({ code, type: null })).toBe(429);
  for (const code of [...OVERLOAD_CODES, 'server_error']) expect(statusOfEvent({ code, type: null })).toBe(500);
  for (const code of ['context_length_exceeded', 'invalid_prompt', 'previous_response_not_found', null]) expect(statusOfEvent({ code, type: null })).toBe(400);
  expect(statusOfEvent({ code: null, type: 'server_error' })).toBe(500);
  // A code that is known to be the request's wins over the type that many upstreams give to everything.
  expect(statusOfEvent({ code: 'context_length_exceeded', type: 'server_error' })).toBe(400);
});
