import { runServer } from '@switchyard/app-server';
import { loadConfig } from '@switchyard/config';
import type { Cli } from '../cli.ts';

/** `switchyard serve`. Flags go before everything else that sets the same. */
export function serve({ host, port }: { readonly host?: string; readonly port?: string }, cli: Cli): Promise<number> {
  const flags = { ...(host === undefined ? {} : { 'server.host': host }), ...(port === undefined ? {} : { 'server.port': port }) };
  return runServer(loadConfig({ env: cli.env, flags }), cli);
}
