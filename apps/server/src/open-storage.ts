import { declaredAccounts, isLoopback } from '@switchyard/config';
import type { Config } from '@switchyard/config';
import { ON_PURPOSE } from '@switchyard/contracts';
import type { FaultBudget } from '@switchyard/contracts';
import { migrate, openDatabase, startEmbeddedPostgres } from '@switchyard/database';
import type { Database } from '@switchyard/database';
import type { Logger } from '@switchyard/observability';
import { checkPrivateHome, ensurePrivateHome, openVault } from '@switchyard/security';
import type { Vault } from '@switchyard/security';
import { GATEWAY_MIGRATIONS } from '@switchyard/service-gateway';
import type { Control, GatewayTables } from '@switchyard/service-gateway';

/** What the files are opened for: to serve, for a change by command, or only to be looked at; then the home is as it was, and the database is not migrated. */
type Use = 'server' | 'command' | 'look';

/** What everything else stands on: a migrated database and the vault. */
export interface Storage extends AsyncDisposable {
  readonly database: Database<GatewayTables>;
  readonly vault: Vault;
}

/**
 * Opens the database (our own PostgreSQL, or the one that `database.url` names), brings it up to date, and opens the vault.
 * @throws DatabaseRefusal, SecurityRefusal
 */
export async function openStorage(config: Config, log: Logger, use: Use = 'server', faults: FaultBudget | null = null): Promise<Storage> {
  await using opened = new AsyncDisposableStack();
  const { home } = config;
  if (use === 'look') checkPrivateHome(home);
  else ensurePrivateHome(home);
  const encryptionKey = config['secrets.encryption_key'];
  const vault = openVault({
    home,
    ...(encryptionKey ? { encryptionKey } : {}),
    loopback: isLoopback(config['server.host']),
    log: log.child({ component: 'security' }),
  });
  const databaseLog = log.child({ component: 'database' });
  const url = config['database.url'];
  const connection = url ? { url } : opened.use(await startEmbeddedPostgres({ home, log: databaseLog, use: use === 'server' ? use : 'command' })).connection;
  const poolSize = use === 'server' ? config['database.pool_size'] : 2;
  if (use !== 'look')
    await migrate({ connection, sets: [GATEWAY_MIGRATIONS], log: databaseLog, ...(faults === null ? {} : { beforeCommit: () => failMigration(faults) }) });
  // Whoever only looks wants to know how it is now; a server may be started at the same time as its database.
  const patience = use === 'look' ? { connectTimeoutMs: 0 } : {};
  const database = opened.use(await openDatabase<GatewayTables>({ connection, poolSize, log: databaseLog, ...patience }));
  const owned = opened.move();
  return { database, vault, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function failMigration(faults: FaultBudget): void {
  if (faults.take('migration')) throw new Error(ON_PURPOSE);
}

/**
 * What the command line needs to make a change while no server runs. Disposing it stops the database again.
 * @throws DatabaseRefusal, SecurityRefusal
 */
export async function openControl(
  config: Config,
  log: Logger,
  use: 'command' | 'look' = 'command',
): Promise<{ readonly control: Control; readonly pool: Database['pool'] } & AsyncDisposable> {
  const storage = await openStorage(config, log, use);
  const closing = new AbortController();
  const control: Control = {
    db: storage.database.kysely,
    vault: storage.vault,
    wallClockMs: Date.now,
    connectTimeoutMs: config['upstream.connect_timeout_ms'],
    closing: closing.signal,
    pools: config.pools.map(({ name }) => name),
    declaredNames: () => new Set(declaredAccounts(config)),
    applied: async () => {}, // no server is running that would have to apply it
  };
  return {
    control,
    pool: storage.database.pool,
    async [Symbol.asyncDispose]() {
      closing.abort();
      await storage[Symbol.asyncDispose]();
    },
  };
}
