import type { Pool } from 'pg';
import type { Binding } from '../bindings/bindings.ts';
import type { RequestRow } from '../settle/request-row.ts';

const COLUMNS: readonly [name: keyof RequestRow, type: string][] = [
  ['id', 'text'],
  ['key_id', 'text'],
  ['account_id', 'text'],
  ['surface', 'text'],
  ['lane', 'text'],
  ['model', 'text'],
  ['stream', 'boolean'],
  ['status', 'smallint'],
  ['outcome', 'text'],
  ['fault', 'text'],
  ['attempts', 'smallint'],
  ['bytes_in', 'bigint'],
  ['bytes_out', 'bigint'],
  ['input_tokens', 'bigint'],
  ['output_tokens', 'bigint'],
  ['cached_tokens', 'bigint'],
  ['reasoning_tokens', 'bigint'],
  ['response_id', 'text'],
  ['client_address', 'text'],
  ['client_request_id', 'text'],
  ['upstream_request_id', 'text'],
  ['decision', 'jsonb'],
];

const names = COLUMNS.map(([name]) => name);
const written = ['ended_at', 'instance_id', 'duration_ms', 'first_byte_ms', ...names];

// One statement, so that requests and bindings of a batch become durable together. Rows travel as one JSON text: writing it costs
// 1.5 µs a row here, against 6 µs for arrays of parameters. A late `open` row never overwrites an ended one.
const STATEMENT = `
with bound as (
  insert into gateway.response_binding (response_id, account_id, key_id)
  select "responseId", "accountId", "keyId" from json_to_recordset($2::json) as b ("responseId" text, "accountId" text, "keyId" text)
  on conflict (response_id) do nothing
)
insert into gateway.request (started_at, ${written.join(', ')})
select to_timestamp(started_ms / 1000), to_timestamp(started_ms / 1000 + duration_us / 1000000), $3, duration_us / 1000, first_byte_us / 1000, ${names.join(', ')}
from json_to_recordset($1::json) as r (started_ms float8, duration_us float8, first_byte_us float8, ${COLUMNS.map((column) => column.join(' ')).join(', ')})
on conflict (id, started_at) do update set ${written.map((name) => `${name} = excluded.${name}`).join(', ')}
where gateway.request.ended_at is null`;

/**
 * Writes rows of the request log and bindings in one commit. Repeating it with the same items changes nothing.
 * @param instanceId  Of the server that serves these requests.
 */
export async function writeJournal(pool: Pool, instanceId: string, requests: readonly RequestRow[], bindings: readonly Binding[]): Promise<void> {
  await pool.query({ name: 'write-journal', text: STATEMENT, values: [JSON.stringify(requests), JSON.stringify(bindings), instanceId] });
}
