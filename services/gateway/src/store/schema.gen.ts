// Generated from the migrated database by packages/database/src/types/types-command.ts; a test compares the two.
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface DB {
  'gateway.account': {
    id: string;
    name: string;
    kind: string;
    source: string;
    base_url: string;
    models: Generated<string[]>;
    models_from: string;
    priority: Generated<number>;
    organization: string | null;
    project: string | null;
    credential: Buffer | null;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
    header_names: Generated<string[]>;
    sealed_headers: Buffer | null;
    websocket: Generated<boolean>;
    max_in_flight: number | null;
    soft_in_flight: number | null;
    reserve_percent: Generated<number>;
    token_url: string | null;
    codex_home: string | null;
    login_state: Generated<string>;
    login_generation: Generated<number>;
    model_map: ColumnType<unknown, string | null, string | null>;
  };
  'gateway.binding': {
    digest: Buffer;
    kind: number;
    account_id: string;
    namespace: string;
    epoch: number;
    state: number;
    state_at: Date;
    misses: number;
    bound_at: Date;
    touched_at: Date;
  };
  'gateway.generation': {
    only_one: Generated<boolean>;
    n: ColumnType<bigint, bigint | number | undefined, bigint | number>;
  };
  'gateway.incident': {
    id: GeneratedAlways<bigint>;
    kind: string;
    instance_id: string;
    opened_at: Date;
    closed_at: Date | null;
    evidence: string;
  };
  'gateway.key': {
    id: string;
    name: string;
    digest: Buffer;
    hint: string;
    models: string[] | null;
    accounts: string[] | null;
    created_at: Generated<Date>;
    revoked_at: Date | null;
    pool: string | null;
  };
  'gateway.quota': {
    account_id: string;
    reading: ColumnType<unknown, string | null, string | null>;
    seen_at: Date;
    blocked_until: Date | null;
    blocked_at: Date | null;
    lifted_at: Date | null;
  };
  'gateway.request': {
    id: string;
    started_at: Date;
    ended_at: Date | null;
    instance_id: string;
    key_id: string | null;
    account_id: string | null;
    surface: string;
    lane: string;
    model: string | null;
    stream: boolean;
    status: number | null;
    outcome: string;
    fault: string | null;
    attempts: Generated<number>;
    duration_ms: number | null;
    first_byte_ms: number | null;
    bytes_in: ColumnType<bigint, bigint | number | undefined, bigint | number>;
    bytes_out: ColumnType<bigint, bigint | number | undefined, bigint | number>;
    input_tokens: ColumnType<bigint | null, bigint | number | null, bigint | number | null>;
    output_tokens: ColumnType<bigint | null, bigint | number | null, bigint | number | null>;
    cached_tokens: ColumnType<bigint | null, bigint | number | null, bigint | number | null>;
    reasoning_tokens: ColumnType<bigint | null, bigint | number | null, bigint | number | null>;
    response_id: string | null;
    client_address: string | null;
    client_request_id: string | null;
    upstream_request_id: string | null;
    decision: ColumnType<unknown, string | null, string | null>;
  };
}
