import { createRoute, z } from '@hono/zod-openapi';
import { HEURISTICS } from './heuristics.ts';

// The gateway's part of our own API: what operators and the command line call. Strict: an unknown field is the caller's typo.

const ErrorBody = z
  .object({
    error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string(), retryable: z.boolean(), request_id: z.string() }),
  })
  .openapi('Error');

const Account = z
  .object({
    id: z.string(),
    name: z.string(),
    kind: z.string(),
    source: z.string(),
    base_url: z.string(),
    models: z.array(z.string()),
    models_from: z.string(),
    priority: z.number().int(),
    organization: z.string().nullable(),
    project: z.string().nullable(),
    header_names: z.array(z.string()),
    has_credential: z.boolean(),
    websocket: z.boolean(),
    /** `needs_login` once the issuer of a ChatGPT login has refused it for good; else `ok`. */
    login_state: z.string(),
    created_at: z.string(),
    /** Requests in flight at which it is passed over, and from which others go first; null: no limit. */
    max_in_flight: z.number().int().nullable(),
    soft_in_flight: z.number().int().nullable(),
    /** Percent of its quota that is kept for what it owns. */
    reserve_percent: z.number().int(),
    /** Names that its upstream has for models, by ours. */
    model_map: z.record(z.string(), z.string()),
  })
  .openapi('Account');
const Band = z.enum(['ready', 'thin', 'unknown', 'critical', 'exhausted']);
const QuotaWindow = z
  .object({
    used_percent: z.number(),
    left_percent: z.number(),
    band: Band,
    window_seconds: z.number().nullable(),
    resets_at: z.string(),
  })
  .openapi('QuotaWindow');
/** What is known of an account's quota. One without a quota, or that never told of it, is `ready` and has no windows. */
const Quota = z
  .object({
    account_id: z.string(),
    account: z.string(),
    /** For responses and WebSocket. */
    band: Band,
    /** Shorter than a day. */
    short: QuotaWindow.nullable(),
    weekly: QuotaWindow.nullable(),
    plan_type: z.string().nullable(),
    /** `header` or `event` of an answer, or `poll`; `stored` is of an earlier start; null without a reading. */
    source: z.string().nullable(),
    seen_at: z.string().nullable(),
    /** Until then it is asked for nothing new, because it refused. */
    blocked_until: z.string().nullable(),
    /** Models that it refused for a limit of theirs alone, and until when it is not asked for them. */
    limited_models: z.array(z.object({ model: z.string(), until: z.string() })),
  })
  .openapi('Quota');
/** When a pool's own accounts have no quota left for new work, at the pace of the last hour. */
const PoolForecast = z
  .object({
    pool: z.string(),
    /**
     * `lasts` until each account has been full again, `runs_dry`, or `dry` now; `unknown` while an account tells of no quota, for the first five
     * minutes of readings, and when none was heard of for an hour.
     */
    outlook: z.enum(['unknown', 'lasts', 'runs_dry', 'dry']),
    dry_at: z.string().nullable(),
    /** When the first of its accounts has quota again. */
    back_at: z.string().nullable(),
  })
  .openapi('PoolForecast');
const AccountState = Account.extend({
  /**
   * How it stands, on the lane where it stands worst: `ready`; later than others as `soft_full`, `backing_off` or `circuit_open`; not
   * chosen as `hard_full`, `quota_blocked`, `reserve` or `exhausted`; `no_models`; `needs_login` when a ChatGPT login is not good any more; or `left_out` when this server cannot use it: its stored secrets cannot be read, or neither its
   * switchyard.toml nor `gateway.sandbox` declares it any more.
   */
  state: z.enum([
    'ready',
    'soft_full',
    'backing_off',
    'circuit_open',
    'hard_full',
    'quota_blocked',
    'reserve',
    'exhausted',
    'no_models',
    'needs_login',
    'left_out',
  ]),
  /** What it has failed of without having answered since, though it may be asked again meanwhile. */
  backoff_reason: z.string().nullable(),
  /** Milliseconds until it is back, as far as is known. */
  backoff_ms: z.number(),
  in_flight: z.number().int(),
  /** 0 is sound; failures and slowness add to it, on the lane where it stands worst. */
  health: z.number().int(),
  quota: Quota.nullable(),
}).openapi('AccountState');

export const NewAccount = z
  .strictObject({
    name: z.string(),
    kind: z.enum(['openai', 'openai-compatible', 'chatgpt']),
    base_url: z.string(),
    credential: z.string().optional(),
    models: z.array(z.string()).optional(),
    priority: z.number().int().optional(),
    organization: z.string().optional(),
    project: z.string().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    websocket: z.boolean().optional(),
    max_in_flight: z.number().int().optional(),
    soft_in_flight: z.number().int().optional(),
    reserve_percent: z.number().int().optional(),
    /** For `chatgpt`, in place of `credential`: the tokens as the `auth.json` of a Codex home has them. */
    login: z
      .strictObject({
        access_token: z.string(),
        refresh_token: z.string(),
        id_token: z.string().nullable(),
        account_id: z.string(),
        last_refresh: z.iso.datetime({ offset: true }).nullable(),
      })
      .optional(),
    /** Where its tokens are renewed, when that is not ChatGPT's issuer. */
    token_url: z.string().optional(),
    /** The Codex home that it came from: a new login is taken from there. */
    codex_home: z.string().optional(),
    model_map: z.record(z.string(), z.string()).optional(),
  })
  .openapi('NewAccount');
export type NewAccount = z.infer<typeof NewAccount>;

const Key = z
  .object({
    id: z.string(),
    name: z.string(),
    hint: z.string(),
    models: z.array(z.string()).nullable(),
    accounts: z.array(z.string()).nullable(),
    /** Name of the pool that serves it; null is the default one. */
    pool: z.string().nullable(),
    created_at: z.string(),
    revoked_at: z.string().nullable(),
  })
  .openapi('Key');
export const NewKey = z
  .strictObject({ name: z.string(), models: z.array(z.string()).optional(), accounts: z.array(z.string()).optional(), pool: z.string().optional() })
  .openapi('NewKey');
export type NewKey = z.infer<typeof NewKey>;

/** A row of the request log. Sizes in bytes, times in milliseconds; null is what is not known, or not yet. */
const LoggedRequest = z
  .object({
    id: z.string(),
    started_at: z.string(),
    ended_at: z.string().nullable(),
    key_id: z.string().nullable(),
    account_id: z.string().nullable(),
    surface: z.string(),
    lane: z.string(),
    model: z.string().nullable(),
    stream: z.boolean(),
    status: z.number().int().nullable(),
    outcome: z.string(),
    fault: z.string().nullable(),
    attempts: z.number().int(),
    duration_ms: z.number().nullable(),
    first_byte_ms: z.number().nullable(),
    bytes_in: z.number().int(),
    bytes_out: z.number().int(),
    input_tokens: z.number().int().nullable(),
    output_tokens: z.number().int().nullable(),
    cached_tokens: z.number().int().nullable(),
    reasoning_tokens: z.number().int().nullable(),
    response_id: z.string().nullable(),
    client_address: z.string().nullable(),
    client_request_id: z.string().nullable(),
    upstream_request_id: z.string().nullable(),
  })
  .openapi('LoggedRequest');
const CandidateFigures = z
  .object({
    account: z.string(),
    /** `ready`, or the reason for which it was passed over. */
    standing: z.string(),
    back_in_ms: z.number(),
    priority: z.number().int(),
    band: z.string(),
    /** Bucket of the pressure on its quota, 0 to 63. */
    pressure: z.number().int(),
    /** What was known of its quota was old. */
    remembered: z.boolean(),
    in_flight: z.number().int(),
    health: z.number().int(),
    /** Points for a slow first byte, 0 to 12; part of health. */
    latency: z.number().int(),
    /** Points for what went badly on this lane before, 0 to 16; part of health. */
    bad_pairing: z.number().int(),
    /** Of the window that is tighter. */
    used_percent: z.number(),
    reset_at: z.string().nullable(),
    /** Turn at which it was last chosen; 0 is never. */
    last_chosen: z.number().int(),
  })
  .openapi('CandidateFigures');
const Heuristic = z.enum(HEURISTICS);
/** What a heuristic earned: who would have been chosen had it been switched the other way; null when nobody could be. */
const Earned = z.object({ heuristic: Heuristic, on: z.boolean(), otherwise: z.string().nullable() }).openapi('EarnedByHeuristic');
/** One attempt at an account, and why it was that one (product section 3, "Every choice is explained"). */
const Attempt = z
  .object({
    account_id: z.string(),
    account: z.string(),
    chosen_by: z.string(),
    candidates: z.number().int(),
    skipped: z.record(z.string(), z.number().int()),
    least_bad: z.boolean(),
    in_flight: z.number().int(),
    /** The candidates as they looked then, best first, then those that could not be chosen: all of up to 16, else the eight best. Empty with one. */
    figures: z.array(CandidateFigures),
    /** Candidates besides those: of more than 16 only the best are kept. */
    left_out: z.number().int(),
    /** The heuristics without which, each by itself, another account would have been chosen among those recorded. */
    decided_by: z.array(Earned.omit({ on: true })),
    /** The pool that it was chosen from, and the order in which its accounts are asked. */
    pool: z.string(),
    strategy: z.string(),
    /** The model that the account was asked for; null when it is the one that the client asked for. */
    sent_model: z.string().nullable(),
    /** Milliseconds after the start of the request. */
    started_ms: z.number(),
    /** Milliseconds that were waited before it. */
    waited_ms: z.number(),
    status: z.number().int().nullable(),
    failure: z.string().nullable(),
    failure_detail: z.string().nullable(),
    upstream_code: z.string().nullable(),
    /** The rule that decided what followed (docs/operations.md, "When an account fails"). */
    policy: z.string(),
    verdict: z.string(),
    backoff: z.string().nullable(),
  })
  .openapi('Attempt');
/** By what a request belonged to an account (docs/continuity.md). */
const RecordedAffinity = z
  .object({
    kind: z.string(),
    strength: z.enum(['hard', 'firm', 'soft', 'none']),
    state: z.string(),
    account_id: z.string().nullable(),
    found_in: z.enum(['memory', 'database']),
    disagrees: z.boolean(),
    moved: z.boolean(),
  })
  .openapi('RecordedAffinity');
/** Why a request was sent to no account. */
const Unserved = z
  .object({
    /** In one word; docs/operations.md says what each means and what to do about it. */
    reason: z.string(),
    /** The account that it hung on: the owner of the conversation, or the one that needs a login; null when it hung on no single one. */
    account: z.string().nullable(),
    /** When the first of those who could serve it has quota again; null when that is not why, or not known. */
    back_at: z.string().nullable(),
    /** The pool of the key, then those that stand in for it: how many serve the model there, and why they were passed over. */
    looked_in: z.array(z.object({ pool: z.string(), candidates: z.number().int(), skipped: z.record(z.string(), z.number().int()) })),
  })
  .openapi('Unserved');
const ExplainedRequest = LoggedRequest.extend({
  /** Null for a request that ended before an account was looked for. */
  decision: z
    .object({
      snapshot: z.number().int(),
      /** Of the key. */
      pool: z.string(),
      /** Heuristics that did not count. */
      switched_off: z.array(Heuristic),
      /** The model that the asked name stands for; null when it is no alias. */
      alias_for: z.string().nullable(),
      attempts: z.array(Attempt),
      affinity: RecordedAffinity.nullable(),
      stopped_by: z.string().nullable(),
      /** Null when an account was asked, or it was refused for something else. */
      unserved: Unserved.nullable(),
    })
    .nullable(),
}).openapi('ExplainedRequest');

/** What an id is bound to. Of the id itself only a digest is kept. */
const Binding = z
  .object({
    digest: z.string(),
    kind: z.string(),
    state: z.enum(['warm', 'verified', 'suspect', 'dead', 'conflict']),
    /** Null when two accounts claim the id. */
    account_id: z.string().nullable(),
    account: z.string().nullable(),
    /** The key that may use it. */
    key_id: z.string().nullable(),
    key: z.string().nullable(),
    misses: z.number().int(),
    moves: z.number().int(),
    bound_at: z.string(),
    used_at: z.string(),
  })
  .openapi('Binding');
const BindingCounts = z
  .object({
    kind: z.string(),
    limit: z.number().int(),
    warm: z.number().int(),
    verified: z.number().int(),
    suspect: z.number().int(),
    dead: z.number().int(),
    conflict: z.number().int(),
  })
  .openapi('BindingCounts');
const SessionBindings = z.object({ kinds: z.array(BindingCounts), conflicts: z.array(Binding), found: z.array(Binding).nullable() }).openapi('SessionBindings');

/** How a request can have ended; `open` is one that runs. */
const OUTCOMES = ['open', 'completed', 'upstream_error', 'upstream_cut', 'client_left', 'client_stalled', 'refused', 'shut_down', 'server_lost'] as const;

const ReplayEdits = z
  .strictObject({
    strategy: z.enum(['balance', 'cache_first', 'performance_first', 'priority', 'round_robin', 'least_used', 'drain_first', 'soonest_reset']).optional(),
    /** Switches of heuristics; those left out are as they were. */
    heuristics: z.partialRecord(Heuristic, z.boolean()).optional(),
    /** By name of account. */
    priorities: z.record(z.string(), z.number().int().min(0).max(1_000_000)).optional(),
    /** Names of accounts that are left out. */
    without: z.array(z.string()).optional(),
  })
  .openapi('ReplayEdits');
const ReplayMany = ReplayEdits.extend({
  /** How many requests, the newest first. */
  limit: z.number().int().min(1).max(500).default(200),
}).openapi('ReplayManyEdits');
const WouldBe = z
  .strictObject({
    model: z.string().optional(),
    lane: z.enum(['responses', 'websocket', 'compact', 'standard']).default('responses'),
    /** Id of a key, or the name of a live one; left out, one of the default pool that may use everything. */
    key: z.string().optional(),
    /** Ids that it would continue something by; they are the key's, which has to be named. */
    previous_response_id: z.string().min(1).max(512).optional(),
    session: z.string().min(1).max(512).optional(),
    turn_state: z.string().min(1).optional(),
  })
  .openapi('WouldBeRequest');

const Report = z
  .object({
    /** Whether nothing found is worse than worth knowing. */
    healthy: z.boolean(),
    server: z.enum(['running', 'stopped']),
    checked_at: z.string(),
    /** The worst first. */
    findings: z.array(
      z.object({ id: z.string(), severity: z.enum(['info', 'warning', 'error']), cause: z.string(), evidence: z.array(z.string()), next_action: z.string() }),
    ),
  })
  .openapi('Report');

const byId = z.object({ id: z.string() });
const refusals = { default: { description: 'A refusal', content: { 'application/json': { schema: ErrorBody } } } };
const json = <T extends z.ZodType>(description: string, schema: T) => ({ description, content: { 'application/json': { schema } } });
/** @param example  One that is answered well as it stands, for pages that let people try the API. */
const body = <T extends z.ZodType>(schema: T, example: z.input<T>) => ({ required: true, content: { 'application/json': { schema, example } } });
const list = <T extends z.ZodType>(item: T) => z.object({ data: z.array(item) });

/** Every route of the gateway's control plane, by the name of its operation. */
export const GATEWAY_API = {
  listAccounts: createRoute({
    method: 'get',
    path: '/api/accounts',
    summary: 'All accounts and how they are',
    responses: { 200: json('Accounts', list(AccountState)), ...refusals },
  }),
  addAccount: createRoute({
    method: 'post',
    path: '/api/accounts',
    summary: 'Add an account; when this answers, the next request can use it',
    request: { body: body(NewAccount, { name: 'ollama', kind: 'openai-compatible', base_url: 'http://127.0.0.1:11434/v1', models: ['llama3.2'] }) },
    responses: { 201: json('The account', Account), ...refusals },
  }),
  removeAccount: createRoute({
    method: 'delete',
    path: '/api/accounts/{id}',
    summary: 'Remove an account, by id or name',
    request: { params: byId },
    responses: { 200: json('The account that was', Account), ...refusals },
  }),
  testAccount: createRoute({
    method: 'post',
    path: '/api/accounts/{id}/test',
    summary:
      'Ask the upstream of an account for its models. Where the upstream names them they are served from now on, and an account that was left alone for refusing its credential is asked again',
    request: { params: byId },
    responses: {
      200: json(
        'What it answered',
        z.object({
          account: Account,
          models: z.array(z.string()),
          /** Whether they are others than were known, and are served from now on. */
          learnt: z.boolean(),
          duration_ms: z.number(),
        }),
      ),
      ...refusals,
    },
  }),
  listKeys: createRoute({
    method: 'get',
    path: '/api/keys',
    summary: 'All keys, without their text',
    responses: { 200: json('Keys', list(Key)), ...refusals },
  }),
  createKey: createRoute({
    method: 'post',
    path: '/api/keys',
    summary: 'Make a key; its text is shown once',
    request: { body: body(NewKey, { name: 'laptop' }) },
    responses: { 201: json('The key', Key.extend({ key: z.string() })), ...refusals },
  }),
  revokeKey: createRoute({
    method: 'delete',
    path: '/api/keys/{id}',
    summary: 'Revoke a key',
    request: { params: byId },
    responses: { 200: json('The key that was', Key), ...refusals },
  }),
  listQuota: createRoute({
    method: 'get',
    path: '/api/quota',
    summary: 'What is left of the quota of every account, and when each pool runs dry',
    responses: { 200: json('Quotas', z.object({ data: z.array(Quota), pools: z.array(PoolForecast) })), ...refusals },
  }),
  liftQuota: createRoute({
    method: 'post',
    path: '/api/quota/{id}/lift',
    summary: 'Ask an account again, by id or name, that is out of quota as far as is known: ends its block and the limits of its models',
    request: { params: byId },
    responses: { 200: json('Its quota as it is known now', Quota), ...refusals },
  }),
  listDecisions: createRoute({
    method: 'get',
    path: '/api/decisions',
    summary:
      'Requests with why they went where they went, newest first. With `account` or `outcome` a page looks at the next 10 000 requests; it may be empty and `has_more` for all that: go on with `after=LAST_ID`',
    request: {
      query: z.strictObject({
        limit: z.coerce.number().int().min(1).max(100).default(20),
        after: z.string().optional(),
        /** Only requests that began before this. */
        before: z.iso.datetime({ offset: true }).optional(),
        /** Id or name of an account that was asked. */
        account: z.string().optional(),
        outcome: z.enum(OUTCOMES).optional(),
      }),
    },
    responses: { 200: json('A page', z.object({ data: z.array(ExplainedRequest), has_more: z.boolean(), last_id: z.string().nullable() })), ...refusals },
  }),
  getDecision: createRoute({
    method: 'get',
    path: '/api/decisions/{id}',
    summary: 'Why a request went where it went',
    request: { params: byId },
    responses: { 200: json('The request with its attempts', ExplainedRequest), ...refusals },
  }),
  replayDecision: createRoute({
    method: 'post',
    path: '/api/decisions/{id}/replay',
    summary: 'Work the choices of a request out again, with other settings if they are given',
    request: { params: byId, body: { ...body(ReplayEdits, { strategy: 'least_used' }), required: false } },
    responses: {
      200: json(
        'Each choice of the request',
        list(
          z.object({
            attempt: z.number().int(),
            recorded_winner: z.string(),
            winner: z.string().nullable(),
            /** Whether every candidate was recorded; of more than 16 only the best are. */
            complete: z.boolean(),
            /** Best first; empty for one that went back to an account that it prefers. */
            candidates: z.array(CandidateFigures),
            heuristics: z.array(Earned),
          }),
        ),
      ),
      ...refusals,
    },
  }),
  replayDecisions: createRoute({
    method: 'post',
    path: '/api/decisions/replay',
    summary: 'Work the choices of the newest requests out again, and sum up what each heuristic earned',
    request: { body: body(ReplayMany, { limit: 200 }) },
    responses: {
      200: json(
        'The sums',
        z.object({
          requests: z.number().int(),
          /** Attempts for which there was a choice. */
          choices: z.number().int(),
          /** Choices that would have gone to another account under the edits. */
          changed: z.number().int(),
          heuristics: z.array(
            z.object({
              heuristic: Heuristic,
              /** Choices in which it was looked at. */
              counted: z.number().int(),
              /** Those of them that would have gone to another account without it. */
              decided: z.number().int(),
            }),
          ),
        }),
      ),
      ...refusals,
    },
  }),
  explainChoice: createRoute({
    method: 'post',
    path: '/api/explain',
    summary: 'Which account a request would go to now, and why; changes nothing',
    request: { body: body(WouldBe, {}) },
    responses: {
      200: json(
        'The choice',
        z.object({
          winner: z.string().nullable(),
          /** As in a decision; null when nobody would be asked. */
          chosen_by: z.string().nullable(),
          affinity: RecordedAffinity.nullable(),
          /** The error that its ids, or the quota of its owner, would meet. */
          refused: z.string().nullable(),
          /** The pool that would be asked. */
          pool: z.string(),
          candidates: z.number().int(),
          skipped: z.record(z.string(), z.number().int()),
          least_bad: z.boolean(),
          figures: z.array(CandidateFigures),
          /** Candidates besides those; of more than 16 only the best are told. */
          left_out: z.number().int(),
          /** Worked out from all candidates; empty with one. */
          heuristics: z.array(Earned),
        }),
      ),
      ...refusals,
    },
  }),
  listRequests: createRoute({
    method: 'get',
    path: '/api/logs',
    summary: 'The request log, newest first',
    request: { query: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(50), after: z.string().optional() }) },
    responses: { 200: json('A page', z.object({ data: z.array(LoggedRequest), has_more: z.boolean(), last_id: z.string().nullable() })), ...refusals },
  }),
  listSessionBindings: createRoute({
    method: 'get',
    path: '/api/proxy/session-bindings',
    summary: 'What conversations are recognised by: counts, conflicts, and what one id is bound to',
    request: { query: z.strictObject({ id: z.string().optional(), session: z.string().optional() }) },
    responses: { 200: json('Bindings by kind; `found` when an id is asked for', SessionBindings), ...refusals },
  }),
  forgetSessionBindings: createRoute({
    method: 'delete',
    path: '/api/proxy/session-bindings',
    summary: 'End what an id, or the digest of one, is bound to, or the conflict over it',
    request: { query: z.strictObject({ id: z.string(), session: z.string().optional() }) },
    responses: { 200: json('What was ended', list(Binding)), ...refusals },
  }),
  diagnose: createRoute({
    method: 'get',
    path: '/api/doctor',
    summary: 'What is wrong, by what that is seen, and what to do about it',
    responses: { 200: json('The findings', Report), ...refusals },
  }),
} as const;

export type GatewayOperation = keyof typeof GATEWAY_API;
/** What an operation answers when it succeeds. */
export type GatewayAnswer<O extends GatewayOperation> = (typeof GATEWAY_API)[O]['responses'] extends infer R
  ? R extends { 201: { content: { 'application/json': { schema: infer S extends z.ZodType } } } }
    ? z.infer<S>
    : R extends { 200: { content: { 'application/json': { schema: infer S extends z.ZodType } } } }
      ? z.infer<S>
      : never
  : never;
