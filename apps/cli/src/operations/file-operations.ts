import { openControl } from '@switchyard/app-server';
import type { Config } from '@switchyard/config';
import {
  addAccount,
  bindingLimits,
  draftOf,
  createKey,
  endKey,
  findRequest,
  forgetSessionBindings,
  liftStoredQuota,
  listRequests,
  removeAccount,
  showAccounts,
  showKeys,
  showSessionBindings,
  showStoredQuota,
  testAccount,
} from '@switchyard/service-gateway';
import type { Output } from '../cli.ts';
import { plainLogger } from '../plain-logger.ts';
import type { Operations, SoughtId } from './operations.ts';

const NOT_RUNNING = { state: null, backoff_reason: null, backoff_ms: null, in_flight: null, health: null, quota: null } as const;

/**
 * The operations on the files of a stopped server: its database runs while this is open, and ends with this process however
 * that ends.
 * @throws DatabaseRefusal `home_in_use` when another process has the home; SecurityRefusal
 */
export async function openFileOperations(config: Config, err: Output): Promise<Operations> {
  const { control, pool, ...opened } = await openControl(config, plainLogger(err));
  const sessions = { db: control.db, pool, wallClockMs: control.wallClockMs };
  return {
    listAccounts: async () => (await showAccounts(control)).map((account) => ({ ...asWire(account), ...NOT_RUNNING })),
    addAccount: async (asked) => asWire(await addAccount(control, draftOf(asked))),
    removeAccount: async (idOrName) => asWire(await removeAccount(control, idOrName)),
    testAccount: async (idOrName) => asWire(await testAccount(control, idOrName, () => performance.now())),
    listQuota: async () => asWire({ data: await showStoredQuota({ db: control.db, pool, wallClockMs: control.wallClockMs }), pools: [] }),
    liftQuota: async (idOrName) => asWire(await liftStoredQuota({ db: control.db, pool, wallClockMs: control.wallClockMs }, idOrName)),
    listKeys: async () => asWire(await showKeys(control)),
    createKey: async ({ name, models, accounts, pool }) =>
      asWire(await createKey(control, { name, models: models ?? null, accounts: accounts ?? null, pool: pool ?? null })),
    revokeKey: async (id) => asWire(await endKey(control, id)),
    findRequest: async (id) => asWire(await findRequest(pool, id)),
    async listRequests({ limit, after }) {
      const { rows, hasMore } = await listRequests(pool, { limit, after: after ?? null });
      return asWire({ data: rows, has_more: hasMore, last_id: rows.at(-1)?.['id'] ?? null });
    },
    showSessionBindings: async (asked) => asWire(await showSessionBindings(sessions, bindingLimits(config), asked === null ? null : sought(asked))),
    // No process is running that would have to be told.
    forgetSessionBindings: async (asked) => asWire(await forgetSessionBindings(sessions, sought(asked), () => {})),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

function sought({ id, session }: SoughtId) {
  return { id, session: session ?? null };
}

/** A value as the API would give it: times as text, so that both ways answer alike. */
function asWire<T>(value: unknown): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
