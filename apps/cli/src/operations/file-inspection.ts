import { inspectHome } from '@switchyard/app-server';
import type { Config } from '@switchyard/config';
import { listRequests } from '@switchyard/service-gateway';
import type { Output } from '../cli.ts';
import { plainLogger } from '../plain-logger.ts';
import type { Inspection } from './inspection.ts';
import type { LoggedRequest, Report } from './operations.ts';

/**
 * Looks at the files of a stopped server.
 * @throws DatabaseRefusal `home_in_use`; StartRefusal when there is nothing to look at
 */
export async function inspectFiles(config: Config, err: Output): Promise<Inspection> {
  const { report, pool, ...opened } = await inspectHome(config, plainLogger(err));
  return {
    report: JSON.parse(JSON.stringify(report)) as Report,
    async newestRequests(limit) {
      if (pool === null) return null;
      const { rows } = await listRequests(pool, { limit, after: null });
      return JSON.parse(JSON.stringify(rows)) as LoggedRequest[];
    },
    metrics: async () => null,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
