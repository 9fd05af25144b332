import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findRunningServer } from '@switchyard/app-server/running';
import { ConfigError, loadConfig, problemText } from '@switchyard/config';
import type { LoadedConfig } from '@switchyard/config';
import { readAdminToken } from '@switchyard/security';
import type { Cli } from '../cli.ts';
import { checkCodexConfig } from '../codex/check-codex-config.ts';
import { codexHomeOf } from '../codex/codex-home.ts';
import { CommandRefusal } from '../refusals.ts';
import { withProgress } from '../with-progress.ts';
import type { Inspection } from './inspection.ts';
import type { Finding, Report } from './operations.ts';

/** What was looked at, with what the settings of this shell say. */
export interface Opened extends Inspection {
  /** Null when the settings are refused. */
  readonly settings: LoadedConfig | null;
}

/**
 * Looks at this home's Switchyard: the running server, or else its files; and at the settings in any case.
 * @param onlyRunning  Whether the files are to be left alone.
 * @throws CommandRefusal, SwitchyardError, StartRefusal when there is nothing to look at
 */
export async function openInspection(cli: Cli, onlyRunning: boolean): Promise<Opened> {
  const { settings, findings } = readSettings(cli, true);
  const { config } = settings ?? homeAlone(cli);
  const server = await findRunningServer(config.home);
  if (server !== null) {
    const { inspectServer } = await import('./server-inspection.ts');
    const inspection = await inspectServer(server.adminAddress, readAdminToken({ home: config.home, fromSetting: config['admin.token'] }));
    return { ...inspection, settings, report: withFindings(inspection.report, [...findings, ...readCodexConfig(cli, server.address)]) };
  }
  if (onlyRunning)
    throw new CommandRefusal('not_running', `No server is running in ${config.home}.`, 'Start it, or leave --runtime out to have its files looked at.');
  // What a start would lack is missed here, too.
  const whole = readSettings(cli, false);
  if (whole.settings === null) {
    const report: Report = { healthy: false, server: 'stopped', checked_at: new Date().toISOString(), findings: whole.findings };
    return { report, settings, newestRequests: async () => null, metrics: async () => null, [Symbol.asyncDispose]: async () => {} };
  }
  const { inspectFiles } = await import('./file-inspection.ts');
  const looking = inspectFiles(whole.settings.config, cli.err);
  const inspection = await withProgress(cli, 'No server is running here; starting its database to look at it …', looking);
  return {
    ...inspection,
    settings: whole.settings,
    report: withFindings(inspection.report, [...whole.findings, ...readCodexConfig(cli, usualAddress(config))]),
  };
}

/** What is wrong with how codex is told of the gateway at an address; nothing where codex has no configuration. */
function readCodexConfig({ env }: Cli, address: string | null): Finding[] {
  if (address === null) return [];
  const path = join(codexHomeOf(env), 'config.toml');
  try {
    return checkCodexConfig(readFileSync(path, 'utf8'), path, address);
  } catch {
    return []; // what cannot be read, codex cannot either
  }
}

/** Where a start would listen; null when that is any free port. */
function usualAddress({ 'server.host': host, 'server.port': port }: LoadedConfig['config']): string | null {
  return port === 0 ? null : `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function withFindings(report: Report, findings: readonly Finding[]): Report {
  const isWorse = findings.some(({ severity }) => severity !== 'info');
  return { ...report, healthy: report.healthy && !isWorse, findings: isWorse ? [...findings, ...report.findings] : [...report.findings, ...findings] };
}

function readSettings({ env }: Cli, absentSecrets: boolean): { readonly settings: LoadedConfig | null; readonly findings: Finding[] } {
  try {
    const settings = loadConfig({ env, absentSecrets });
    return { settings, findings: settings.warnings.length === 0 ? [] : [warned(settings.warnings)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const refused: Finding = {
      id: 'config_refused',
      severity: 'error',
      cause: 'A start would refuse the settings.',
      evidence: error.problems.map(problemText),
      next_action: 'Correct each at the place that is named; `switchyard config check` looks at them alone.',
    };
    return { settings: null, findings: [refused] };
  }
}

function warned(warnings: readonly string[]): Finding {
  return {
    id: 'config_warning',
    severity: 'info',
    cause: 'The settings are accepted, with something to say about them.',
    evidence: [...warnings],
    next_action: 'See whether that is what you want; docs/settings.md says what each setting does.',
  };
}

/** The home, where nothing but the home can be made of the settings: a server may be running in it all the same. */
function homeAlone({ env }: Cli): Pick<LoadedConfig, 'config'> {
  const { HOME, SWITCHYARD_HOME, SWITCHYARD_ADMIN_TOKEN } = env;
  const noFile = (path: string): never => {
    throw Object.assign(new Error(`${path} is not looked at`), { code: 'ENOENT' });
  };
  return loadConfig({ env: { HOME, SWITCHYARD_HOME, SWITCHYARD_ADMIN_TOKEN }, absentSecrets: true, readFile: noFile });
}
