import { setTimeout as sleep } from 'node:timers/promises';
import { findRunningServer } from '@switchyard/app-server/running';
import { loadConfig } from '@switchyard/config';
import { readAdminToken } from '@switchyard/security';
import type { Cli } from '../cli.ts';
import { withProgress } from '../with-progress.ts';
import { chooseOperations } from './choose-operations.ts';
import type { Operations } from './operations.ts';

/**
 * Opens the way to this home's Switchyard: the running server, or else its files.
 * @throws ConfigError, DatabaseRefusal, SecurityRefusal
 */
export async function openOperations(cli: Cli): Promise<Operations> {
  // A running server has its secrets; only the home and the admin token are needed to speak to it.
  const { config, warnings } = loadConfig({ env: cli.env, absentSecrets: true });
  for (const warning of warnings) cli.err.write(`warning: ${warning}\n`);
  return chooseOperations({
    findServer: async () => {
      const server = await findRunningServer(config.home);
      if (server === null) return null;
      const { serverOperations } = await import('./server-operations.ts');
      return serverOperations(server.adminAddress, readAdminToken({ home: config.home, fromSetting: config['admin.token'] }));
    },
    openFiles: async () => {
      const { openFileOperations } = await import('./file-operations.ts');
      return withProgress(
        cli,
        'No server is running here; starting its database for this command …',
        openFileOperations(loadConfig({ env: cli.env }).config, cli.err),
      );
    },
    waiting: () => cli.err.write('Another process has this home: a server on its way up or down, or another command. Waiting for it …\n'),
    sleep,
  });
}
