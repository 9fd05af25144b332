import { ConfigError, checkConfig, loadConfig, showConfig } from '@switchyard/config';
import type { Cli } from '../cli.ts';

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
  if (!json) {
    const { ok, text } = checkConfig({ env });
    out.write(text);
    return ok ? 0 : 1;
  }
  try {
    const { file, warnings } = loadConfig({ env });
    out.write(`${JSON.stringify({ ok: true, file, problems: [], warnings })}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    out.write(`${JSON.stringify({ ok: false, file: null, problems: error.problems, warnings: [] })}\n`);
    return 1;
  }
}
