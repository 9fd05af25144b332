import { ConfigError, checkConfig, loadConfig, showConfig } from '@switchyard/config';
import type { Cli } from '../cli.ts';
import { poolWarnings } from '../operations/pool-warnings.ts';

interface Json {
  readonly json?: true;
}

/** `switchyard config show`. */
export async function showSettings({ json = false }: { readonly json?: boolean }, { env, out }: Cli): Promise<number> {
  out.write(showConfig(loadConfig({ env, absentSecrets: true }), { json }));
  return 0;
}

/** `switchyard config check`: what is found is its result, and goes to stdout also when the settings would be refused. */
export async function checkSettings({ json }: Json, { env, out }: Cli): Promise<number> {
  try {
    const { config, file, warnings } = loadConfig({ env });
    const more = await poolWarnings(config);
    out.write(json ? `${JSON.stringify({ ok: true, file, problems: [], warnings: [...warnings, ...more] })}\n` : checkConfig({ env }, more).text);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    out.write(json ? `${JSON.stringify({ ok: false, file: null, problems: error.problems, warnings: [] })}\n` : checkConfig({ env }).text);
    return 1;
  }
}
