import { runServer } from '@switchyard/app-server';
import { loadConfig } from '@switchyard/config';
import type { Cli } from '../cli.ts';
import { whenUnused } from '../codex/server-users.ts';

/**
 * `switchyard serve`. Flags go before everything else that sets the same. With `whileUsed` it ends like one that was told to, once no process
 * says any more that it uses it.
 */
export async function serve(
  { host, port, whileUsed }: { readonly host?: string; readonly port?: string; readonly whileUsed?: true },
  cli: Cli,
): Promise<number> {
  const flags = { ...(host === undefined ? {} : { 'server.host': host }), ...(port === undefined ? {} : { 'server.port': port }) };
  const loaded = loadConfig({ env: cli.env, flags });
  using _watch = whileUsed ? whenUnused(loaded.config.home, () => cli.signals.emit('SIGTERM', 'SIGTERM')) : null;
  return await runServer(loaded, cli);
}
