import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '@switchyard/config';
import { DatabaseRefusal } from '@switchyard/database';
import type { Database } from '@switchyard/database';
import type { Logger } from '@switchyard/observability';
import { SecurityRefusal } from '@switchyard/security';
import { diagnoseStopped, reportOf } from '@switchyard/service-gateway';
import type { Report } from '@switchyard/service-gateway';
import { openControl } from './open-storage.ts';
import { StartRefusal } from './start-refusal.ts';

/** What the doctor has found in a home whose server does not run. */
export interface HomeInspection extends AsyncDisposable {
  readonly report: Report;
  /** The database that was looked at; null when it cannot be used, or is not of this version. */
  readonly pool: Database['pool'] | null;
}

/** Each of these lies in a home in which Switchyard has run, or a command has. */
const TRACES = ['run', 'admin.token', 'encryption.key', 'postgres'];

/**
 * Looks at the files of a stopped server. Its database runs meanwhile, and is not migrated. What keeps a server from starting is a finding
 * like any other.
 * @throws StartRefusal when there is nothing to look at; DatabaseRefusal `home_in_use`
 */
export async function inspectHome(config: Config, log: Logger): Promise<HomeInspection> {
  if (!TRACES.some((name) => existsSync(join(config.home, name))))
    throw new StartRefusal(
      `There is no Switchyard in ${config.home}: it has not been started there. Start it with npm start, or name its home in SWITCHYARD_HOME.`,
    );
  await using opened = new AsyncDisposableStack();
  try {
    const { control, pool } = opened.use(await openControl(config, log, 'look'));
    const report = await diagnoseStopped({ config, control, pool });
    const isOfThisVersion = !report.findings.some(({ id }) => id === 'migrations_pending' || id === 'database_newer');
    const owned = opened.move();
    return { report, pool: isOfThisVersion ? pool : null, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    return { report: reportOfRefusal(error), pool: null, [Symbol.asyncDispose]: async () => {} };
  }
}

/** What kept the files from being opened would keep a server from starting. */
function reportOfRefusal(error: unknown): Report {
  const said = error instanceof Error ? error.message : String(error);
  const next_action = 'Do what is said there, then run `switchyard doctor` again.';
  if (error instanceof DatabaseRefusal && error.reason !== 'home_in_use') {
    const [id, cause] =
      error.reason === 'unreachable'
        ? (['database_away', 'The database does not answer, so the server would not start.'] as const)
        : (['database_unusable', 'The database cannot be used, so the server would not start.'] as const);
    return reportOf([{ id, severity: 'error', cause, evidence: [said], next_action }], 'stopped', Date.now());
  }
  if (error instanceof SecurityRefusal)
    return reportOf(
      [
        {
          id: 'home_unsafe',
          severity: 'error',
          cause: 'The home, or a key in it, is not safe to use, so the server would not start.',
          evidence: [said],
          next_action,
        },
      ],
      'stopped',
      Date.now(),
    );
  throw error;
}
