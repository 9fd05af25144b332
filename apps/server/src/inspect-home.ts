import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '@switchyard/config';
import { DatabaseRefusal, hasDataFolder } from '@switchyard/database';
import type { Database } from '@switchyard/database';
import type { Logger } from '@switchyard/observability';
import { KEY_FILE, SecurityRefusal, checkPrivateHome } from '@switchyard/security';
import { diagnoseStopped, reportOf } from '@switchyard/service-gateway';
import type { Finding, Report } from '@switchyard/service-gateway';
import { openControl } from './open-storage.ts';
import { StartRefusal } from './start-refusal.ts';

/** What the doctor has found in a home whose server does not run. */
export interface HomeInspection extends AsyncDisposable {
  readonly report: Report;
  /** The database that was looked at; null when it cannot be used, or is not of this version. */
  readonly pool: Database['pool'] | null;
}

/** Each of these lies in a home in which Switchyard has run, or a command has. */
const TRACES = ['run', 'admin.token', KEY_FILE, 'postgres'];

/**
 * Looks at the files of a stopped server. Its database runs meanwhile, and is not migrated; nothing is made that is missing. What keeps a
 * server from starting is a finding like any other.
 * @throws StartRefusal when there is nothing to look at; DatabaseRefusal `home_in_use`
 */
export async function inspectHome(config: Config, log: Logger): Promise<HomeInspection> {
  if (!TRACES.some((name) => existsSync(join(config.home, name))))
    throw new StartRefusal(
      `There is no Switchyard in ${config.home}: it has not been started there. Start it with npm start, or name its home in SWITCHYARD_HOME.`,
    );
  const lost = whatIsLost(config);
  if (lost.length > 0) return { report: reportOf(lost, 'stopped', Date.now()), pool: null, [Symbol.asyncDispose]: async () => {} };
  await using opened = new AsyncDisposableStack();
  try {
    const open = whoMayRead(config.home);
    const { control, pool } = opened.use(await openControl(config, log, 'look'));
    const { findings } = await diagnoseStopped({ config, control, pool });
    const report = reportOf([...open, ...findings], 'stopped', Date.now());
    const isOfThisVersion = !findings.some(({ id }) => id === 'migrations_pending' || id === 'database_newer');
    const owned = opened.move();
    return { report, pool: isOfThisVersion ? pool : null, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    return { report: reportOfRefusal(error), pool: null, [Symbol.asyncDispose]: async () => {} };
  }
}

/** What a start would make anew although it may have been there before, so that nobody would miss it until it is needed. */
function whatIsLost(config: Config): Finding[] {
  const { home } = config;
  const findings: Finding[] = [];
  if (!config['database.url'] && !hasDataFolder(home))
    findings.push({
      id: 'database_missing',
      severity: 'error',
      cause: 'The home has no database: what was in it is gone, or no start has come that far.',
      evidence: [`${join(home, 'postgres')} is not there, or is empty.`],
      next_action: `Put the folder back from a backup, together with ${KEY_FILE}. If nothing was stored here yet, start the server, which makes both.`,
    });
  if (!config['secrets.encryption_key'] && !existsSync(join(home, KEY_FILE)))
    findings.push({
      id: 'encryption_key_missing',
      severity: 'error',
      cause: 'The key is not there that credentials are stored with, and a start would make another, which opens none of them.',
      evidence: [`${join(home, KEY_FILE)} is not there, and ENCRYPTION_KEY is not set.`],
      next_action: 'Put the file back from a backup, or set ENCRYPTION_KEY as it was. Otherwise each account has to be added again.',
    });
  return findings;
}

/** @throws SecurityRefusal when others may write it */
function whoMayRead(home: string): Finding[] {
  const mode = checkPrivateHome(home);
  if (mode === null || (mode & 0o077) === 0) return [];
  return [
    {
      id: 'home_unsafe',
      severity: 'warning',
      cause: 'Other users may look into the home.',
      evidence: [`${home} has the mode ${mode.toString(8)}.`],
      next_action: `Close it with: chmod 700 ${home}. A start does that, too.`,
    },
  ];
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
