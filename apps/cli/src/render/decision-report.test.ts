import { expect, test } from 'vitest';
import { HEURISTICS } from '@switchyard/contracts';
import { BINDING_KIND_NAMES, POLICY_NAMES, SKIP_REASONS, STRATEGY_NAMES, UNSERVED_REASONS } from '@switchyard/service-gateway';
import type { ExplainedRequest } from '../operations/operations.ts';
import { decisionReport } from './decision-report.ts';

type LoggedAttempt = NonNullable<ExplainedRequest['decision']>['attempts'][number];

const attempt: LoggedAttempt = {
  account_id: 'acct_1',
  account: 'a1',
  chosen_by: 'choice',
  candidates: 1,
  skipped: {},
  least_bad: false,
  in_flight: 0,
  figures: [],
  left_out: 0,
  decided_by: [],
  pool: 'default',
  strategy: 'balance',
  sent_model: null,
  started_ms: 0.42,
  waited_ms: 0,
  status: 200,
  failure: null,
  failure_detail: null,
  upstream_code: null,
  policy: 'passed_on',
  verdict: 'relayed',
  backoff: null,
};

type Decision = NonNullable<ExplainedRequest['decision']>;
function decided(attempts: LoggedAttempt[], more: Partial<Decision> = {}): Decision {
  return { snapshot: 3, pool: 'default', switched_off: [], alias_for: null, attempts, affinity: null, stopped_by: null, unserved: null, ...more };
}

const figures: LoggedAttempt['figures'][number] = {
  account: 'a1',
  standing: 'ready',
  back_in_ms: 0,
  priority: 100,
  band: 'ready',
  pressure: 0,
  remembered: false,
  in_flight: 0,
  health: 0,
  latency: 0,
  bad_pairing: 0,
  used_percent: 0,
  reset_at: null,
  last_chosen: 0,
};

const fields: ExplainedRequest = {
  id: 'req_1',
  started_at: '2026-11-21T14:03:22.123Z',
  ended_at: '2026-11-21T14:03:23.363Z',
  key_id: 'key_1',
  account_id: 'acct_1',
  surface: 'chat.completions',
  lane: 'responses',
  model: 'm1',
  stream: true,
  status: 200,
  outcome: 'completed',
  fault: null,
  attempts: 1,
  duration_ms: 1_240,
  first_byte_ms: 212,
  bytes_in: 66,
  bytes_out: 10_233,
  input_tokens: 12,
  output_tokens: 34,
  cached_tokens: 4,
  reasoning_tokens: null,
  response_id: 'resp_1',
  client_address: '127.0.0.1',
  client_request_id: null,
  upstream_request_id: 'up_1',
  decision: decided([attempt]),
};

function report(changed: Partial<ExplainedRequest>): string {
  return decisionReport({ ...fields, ...changed }, { ofKey: (id) => (id === 'key_1' ? 'laptop' : null), ofAccount: (id) => (id === 'acct_1' ? 'a1' : null) });
}

/** The report of one attempt that differs from the plain one. */
function told(...changed: Partial<LoggedAttempt>[]): string {
  return report({ decision: decided(changed.map((each) => ({ ...attempt, ...each }))) }).split('Why this account\n')[1]!;
}

test('a plain request reads as a short report', () => {
  expect(report({})).toBe(`Request req_1
It was answered whole, status 200, after 1.24 s.

  asked    chat.completions for the model m1, streamed (lane responses)
  started  2026-11-21 14:03:22 UTC, with the key "laptop" (key_1), from 127.0.0.1
  time     first byte after 212 ms, end after 1.24 s
  size     66 bytes in, 10 233 bytes out
  tokens   12 in (4 cached), 34 out
  ids      response resp_1, upstream request up_1

Why this account
  1. a1, asked 0.4 ms after the start
     Chosen because it is the only one that can serve this; it had nothing else running.
     Answered 200; this answer went to the client.
`);
});

test('a request that went on to another account tells each attempt', () => {
  expect(
    told(
      {
        candidates: 3,
        skipped: { backing_off: 1 },
        in_flight: 1,
        figures: [
          { ...figures, account: 'a1', used_percent: 12.5, in_flight: 1 },
          { ...figures, account: 'a2', used_percent: 85, band: 'thin', health: 4 },
          { ...figures, account: 'a3', standing: 'backing_off', back_in_ms: 900 },
        ],
        status: 429,
        upstream_code: 'usage_limit_reached',
        policy: 'quota',
        verdict: 'next_account',
        backoff: 'quota',
      },
      { account: 'a2', candidates: 3, skipped: { backing_off: 1, already_tried: 1 }, started_ms: 182 },
    ),
  ).toBe(`  1. a1, asked 0.4 ms after the start
     Chosen before one other by priority, then quota, then fewest running, then health, then longest unused; it had 1 other request running.
     In the order of choice.
       a1: priority 100, 12.5 % of its quota used (ready), 1 running, healthy.
       a2: priority 100, 85 % of its quota used (thin), 0 running, 4 against its health.
       a3: left alone for a while, priority 100, 0 running, healthy.
     Passed over: 1 left alone for a while.
     Answered 429 (usage_limit_reached): the account is out of quota; another account was looked for; it is left alone for a while for having no quota left.
  2. a2, asked 182 ms after the start
     Chosen because it is the only one left of 3; it had nothing else running.
     Passed over: 1 left alone for a while, 1 tried before.
     Answered 200; this answer went to the client.
`);
});

test.each([
  [{ chosen_by: 'owner' }, 'Chosen because it owns what the request continues'],
  [{ chosen_by: 'only_one_left' }, 'Asked once more'],
  [{ chosen_by: 'renewed' }, 'Asked again, because its credential was renewed'],
  [{ chosen_by: 'open_socket' }, 'Chosen because the socket of the turns before leads there'],
  [{ chosen_by: 'freed' }, 'Chosen because it was the first to have room again'],
  [{ candidates: 2, skipped: { backing_off: 1 }, least_bad: true }, 'it is back soonest.\n     Passed over: 1 left alone for a while.'],
  [{ candidates: 9, skipped: { quota_blocked: 2, exhausted: 1 } }, 'Passed over: 2 that refused for their quota, 1 out of quota.'],
  [{ candidates: 2, skipped: { key_may_not: 1 } }, 'Passed over: 1 that this key may not use.'],
  [
    { status: null, failure: 'connect', verdict: 'gave_up', backoff: 'transport' },
    'No answer: it could not be reached; nothing was left to try; it is left alone',
  ],
  [
    { status: null, failure: 'connect', failure_detail: 'the connection was refused at 127.0.0.1:9', verdict: 'gave_up' },
    'No answer: the connection was refused at 127.0.0.1:9; nothing was left to try.',
  ],
  [{ status: null, verdict: 'in_progress' }, 'No answer yet when this was written.'],
  [{ chosen_by: 'oracle', verdict: 'new_word', backoff: 'moon' }, 'Chosen by oracle.\n     Answered 200; new_word; it is left alone for a while for moon.'],
] satisfies [Partial<LoggedAttempt>, string][])('an attempt %o is put into words', (changed, words) => {
  expect(told(changed)).toContain(words);
});

test('an owner that was asked again tells its pauses', () => {
  expect(
    told(
      { chosen_by: 'owner', status: 503, policy: 'overloaded', verdict: 'same_account', backoff: 'overload' },
      { chosen_by: 'owner_again', started_ms: 80, waited_ms: 75.2 },
    ),
  ).toBe(`  1. a1, asked 0.4 ms after the start
     Chosen because it owns what the request continues; no other account may answer that.
     Answered 503: the upstream is overloaded; it was asked again; it is left alone for a while for being overloaded.
  2. a1, asked 80 ms after the start, after a pause of 75 ms
     Asked again, because no other account may answer this.
     Answered 200; this answer went to the client.
`);
});

test('a stream that broke off in its opening is not told as no answer', () => {
  expect(told({ failure: 'reset', policy: 'broken_off', verdict: 'next_account', backoff: 'transport' })).toContain(
    'Answered 200, but it broke the connection off: the answer broke off before it had said anything; another account was looked for',
  );
});

test('every rule that can decide has words', () => {
  expect(POLICY_NAMES.length).toBeGreaterThan(0);
  for (const policy of POLICY_NAMES) expect(told({ policy, verdict: 'next_account', status: 503 })).not.toContain(`: ${policy};`);
  expect(told({ policy: 'whim', verdict: 'next_account', status: 503 })).toContain(': whim;');
});

test.each([
  ['budget', 'had used up its attempts or its time'],
  ['retry_budget', 'too many requests were being retried'],
  ['whim', 'No other was tried: whim.'],
])('what stopped the search is told: %s', (stopped_by, words) => {
  expect(report({ decision: decided([attempt], { stopped_by }) })).toContain(words);
});

test('a refusal says which, and what to do about it', () => {
  const text = report({ status: 404, outcome: 'refused', fault: 'model_not_found', decision: null, duration_ms: 1.7, input_tokens: null, output_tokens: null });
  expect(text).toContain('Switchyard refused it (model_not_found), status 404, after 1.7 ms.\nAsk `GET /v1/models`');
  expect(text).toContain('None was looked for: the request ended before that.');
  expect(text).toContain('not told by the upstream');
});

test('figures that were not kept are counted with those that are not shown', () => {
  const seen = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8'].map((account) => ({ ...figures, account }));
  expect(told({ candidates: 20, figures: seen, left_out: 12 })).toContain(
    'a4: priority 100, 0 running, healthy.\n       and 16 more; of 12 of them no figures were kept.\n',
  );
});

test('a request for which no account could be asked says so', () => {
  expect(report({ decision: decided([]) })).toContain('None could be asked for m1.');
});

test('a request still running, and one of a newer server, are told as far as is known', () => {
  const text = report({ outcome: 'open', status: null, ended_at: null, duration_ms: null, first_byte_ms: null, key_id: 'key_9', client_address: null });
  expect(text).toContain('It is still running.\n');
  expect(text).toContain('UTC, with the key key_9\n');
  expect(text).not.toContain('time ');
  expect(report({ outcome: 'transcended', fault: 'unheard_of' })).toContain('\ntranscended (unheard_of), status 200');
});

test('what a client wrote cannot steer the terminal', () => {
  expect(report({ model: 'm\u001b]0;title\u0007', client_request_id: 'x\ny' })).not.toMatch(/[\u001b\u0007]|^y/m);
});

const affinity = { kind: 'response', strength: 'hard', state: 'warm', account_id: 'acct_1', found_in: 'memory', disagrees: false, moved: false } as const;

test.each([
  [affinity, 'By the response that it goes on from it belongs to a1, and no other account may answer it.'],
  [{ ...affinity, kind: 'session', strength: 'soft' } as const, 'By its session it belongs to a1, which is asked first while it can serve.'],
  [{ ...affinity, kind: 'encrypted', strength: 'firm', moved: true } as const, 'That one had no quota left, so it was let go elsewhere.'],
  [{ ...affinity, found_in: 'database' } as const, 'belongs to a1, as the database said, and no other'],
  [{ ...affinity, state: 'suspect' }, 'belongs to a1, though that account has denied it once, and no other'],
  [{ ...affinity, disagrees: true }, 'Something else in it leads to another account; the stricter one decided.'],
  [{ ...affinity, account_id: null }, 'it belongs to nobody: two accounts claim that.'],
  [{ ...affinity, account_id: null, strength: 'none', state: 'dead' } as const, 'It began anew: the response that it goes on from had been given up'],
])('what a request belonged to an account by is told: %o', (told, words) => {
  expect(report({ decision: decided([attempt], { affinity: told }) })).toContain(words);
});

test('a request that was sent to nobody tells why, where accounts were looked for, and what to do', () => {
  const unserved = {
    reason: 'out_of_quota',
    account: null,
    back_at: '2026-11-21T15:00:00.000Z',
    looked_in: [
      { pool: 'team', candidates: 3, skipped: { exhausted: 2, key_may_not: 1 } },
      { pool: 'backup', candidates: 0, skipped: {} },
    ],
  };
  const text = report({ status: 429, outcome: 'refused', fault: 'quota_exhausted', decision: decided([], { pool: 'team', unserved }) });
  expect(text).toContain('Switchyard refused it (quota_exhausted), status 429, after 1.24 s.\n`switchyard quota` shows when each is back;');
  expect(text).toContain(`Why no account
  The pool team serves its key.
  Every account that could serve it was out of quota.
  In the pool team: 3 accounts serve it; passed over: 2 out of quota, 1 that this key may not use.
  In the pool backup, which stands in for team: none serves it.
  Quota is there again at 2026-11-21 15:00:00 UTC at the soonest.
`);
});

test('the owner that could not be asked is named, by its id when it has no name any more', () => {
  const unserved = { reason: 'owner_out_of_quota', account: 'a1', back_at: null, looked_in: [] };
  expect(report({ decision: decided([], { affinity, unserved }) })).toContain(
    'it belongs to a1, and no other account may answer it.\n  The account a1 was out of quota.\n',
  );
  const gone = { affinity: { ...affinity, account_id: 'acct_9' }, unserved: { ...unserved, reason: 'owner_gone', account: null } };
  expect(report({ decision: decided([], gone) })).toContain(
    'it belongs to acct_9, and no other account may answer it.\n  The account acct_9 is not in use here',
  );
});

test.each(UNSERVED_REASONS)('the reason %s for which nobody was asked has words, and something to do', (reason) => {
  const text = report({ fault: null, decision: decided([], { unserved: { reason, account: 'c1', back_at: null, looked_in: [] } }) });
  expect(text).not.toContain(reason);
  expect(text).toMatch(/after 1\.24 s\.\n.{20,}\n\n/);
});

test('a reason of a newer server is told as it is', () => {
  expect(report({ decision: decided([], { unserved: { reason: 'whim', account: null, back_at: null, looked_in: [] } }) })).toContain('None was asked: whim.');
});

test.each(BINDING_KIND_NAMES)('a binding of the kind %s has words', (kind) => {
  const text = report({ decision: decided([attempt], { affinity: { ...affinity, kind } }) });
  expect(text).toMatch(/By (?:the|its|a) [a-z ]+ it belongs to a1/);
});

test.each(SKIP_REASONS)('the reason %s for which an account is passed over has words', (reason) => {
  expect(told({ candidates: 2, skipped: { [reason]: 1 } })).not.toContain(`1 ${reason}`);
});

test('a pool, an alias, a stand-in and another name at the account are told', () => {
  const lines = report({
    model: 'fast',
    decision: decided([{ ...attempt, pool: 'backup', sent_model: 'prod-mini' }], { pool: 'team', alias_for: 'gpt-5.5-mini' }),
  });
  for (const words of [
    'The pool team serves its key.',
    'fast stands for gpt-5.5-mini.',
    'It is in the pool backup, which stands in for team.',
    'It was asked for the model prod-mini.',
  ])
    expect(lines).toContain(words);
  expect(report({})).not.toMatch(/pool|stands for|asked for the model/);
});

test.each(STRATEGY_NAMES)('the strategy %s has words', (strategy) => {
  expect(report({ decision: decided([{ ...attempt, strategy, candidates: 2 }]) })).not.toContain(`by ${strategy};`);
});

test('what decided is told with who would have been chosen without it', () => {
  const decided_by = [
    { heuristic: 'latency', otherwise: 'a2' },
    { heuristic: 'quota_band', otherwise: 'a3' },
  ] as const;
  expect(told({ candidates: 3, decided_by: [...decided_by] })).toContain(
    'Would have been chosen otherwise: without their first byte a2, without how much quota is left a3.',
  );
  expect(told({ candidates: 3 })).not.toContain('otherwise');
});

test.each(HEURISTICS)('what %s decided has words', (heuristic) => {
  expect(told({ candidates: 3, decided_by: [{ heuristic, otherwise: 'a2' }] })).not.toContain(`without ${heuristic}`);
});
