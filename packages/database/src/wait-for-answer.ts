import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { clientConfig, describeTarget, isConnectionLoss } from './connection.ts';
import type { DatabaseTarget } from './connection.ts';
import { DatabaseRefusal } from './database-refusal.ts';

/** Asks one short question over a connection of its own. */
export async function askOnce(config: pg.ClientConfig): Promise<void> {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  client.on('error', () => {}); // the connect or the query rejects as well
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end();
  }
}

/**
 * Waits until a server answers, which may be starting at the same time as we are.
 * @throws DatabaseRefusal `unreachable`: at once when the server refuses us, else at the end of the wait. The password is not in it.
 */
export async function waitForAnswer(target: DatabaseTarget, timeoutMs: number): Promise<void> {
  const config = clientConfig(target, 'switchyard-probe');
  for (const deadline = performance.now() + timeoutMs; ; await sleep(100)) {
    try {
      return await askOnce(config);
    } catch (error) {
      if (isConnectionLoss(error) && performance.now() < deadline) continue;
      const said = error instanceof Error && error.message !== '' ? error.message : String((error as { code?: unknown }).code ?? error);
      throw new DatabaseRefusal(
        'unreachable',
        `The database ${describeTarget(target)} cannot be used: ${said}. Check that the server runs, and its address, user and password.`,
        { cause: error },
      );
    }
  }
}
