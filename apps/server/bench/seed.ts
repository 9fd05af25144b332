/**
 * Fills the database of a stopped server for `bench/`: copies of its first account, and bindings spread over them.
 * Usage: SWITCHYARD_HOME=… node seed.ts ACCOUNTS BINDINGS
 */
import { loadConfig } from '@switchyard/config';
import { createLogger } from '@switchyard/observability';
import { sealSecrets } from '@switchyard/service-gateway';
import { openControl } from '../src/open-storage.ts';

const [accounts, bindings] = process.argv.slice(2).map(Number);
if (!Number.isInteger(accounts) || !Number.isInteger(bindings)) throw new Error('Usage: SWITCHYARD_HOME=… node seed.ts ACCOUNTS BINDINGS');
const { config } = loadConfig({ env: process.env });
await using opened = await openControl(config, createLogger({ level: 'warn', component: 'bench' }));
const client = await opened.pool.connect();
using _client = { [Symbol.dispose]: () => client.release(true) };
await client.query('set statement_timeout = 0');
const { rows } = await client.query<{ id: string }>("select id from gateway.account where name = 'a1'");
const copies = Array.from({ length: accounts! - 1 }, (_, i) => `${rows[0]!.id}_${i + 2}`);
const secrets = { credential: 'sk-test-upstream-not-a-secret', headers: {} };
await client.query(
  `insert into gateway.account (id, name, kind, source, base_url, models, models_from, priority, credential)
   select seed.id, 'seed-' || seed.n, 'openai-compatible', 'api', a.base_url, a.models, 'given', a.priority, seed.credential
   from gateway.account a, unnest($1::text[], $2::bytea[]) with ordinality as seed (id, credential, n) where a.name = 'a1'`,
  [copies, copies.map((id) => sealSecrets(opened.control.vault, id, secrets).credential)],
);
const fill = {
  text: `insert into gateway.binding (digest, kind, account_id, namespace, epoch, state, state_at, misses, bound_at, touched_at)
   select substring(sha256(convert_to('response' || E'\\x1f\\x1f\\x1f' || 'resp_seed_' || n, 'UTF8')) for 16), 1,
     case when n % $2::int = 0 then a.id else a.id || '_' || (1 + n % $2::int) end, k.id, 0, 0, now(), 0, now(), now() - n * interval '1 millisecond'
   from gateway.account a, gateway.key k, generate_series(1, $1::int) n where a.name = 'a1'`,
  values: [bindings, accounts],
  query_timeout: 600_000,
};
await client.query(fill);
await client.query('analyze gateway.account, gateway.binding');
