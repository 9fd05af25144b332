import { ConfigError, problemText } from './config-error.ts';
import { loadConfig } from './load-config.ts';
import type { ConfigSource, LoadedConfig } from './load-config.ts';
import { originText } from './origin.ts';
import { SETTING_KEYS, settingOf } from './settings.ts';

const SET = 'set (hidden)';
const ABSENT = 'not set here';

/** What `switchyard config show` prints: each key, its value (of a secret only that it is set) and where it came from. */
export function showConfig(loaded: LoadedConfig, options: { readonly json: boolean }): string {
  const absent = new Set(loaded.absent.map(({ key }) => key));
  const settings = SETTING_KEYS.map((key) => {
    const { type, secret, default: fallback } = settingOf(key);
    const value = loaded.config[key];
    const hidden = absent.has(key) ? ABSENT : value === fallback ? '' : SET;
    const shown = secret ? hidden : type.show(value);
    return { key, shown, value: secret ? shown || null : value, origin: originText(loaded.origins[key]) };
  });
  const accounts = loaded.config.accounts.map((account, n) => ({
    name: account.name,
    kind: account.kind,
    base_url: account.baseUrl,
    api_key: absent.has(`accounts[${n}].api_key`) ? ABSENT : account.apiKey === null ? null : SET,
    models: account.models,
    priority: account.priority,
    organization: account.organization,
    project: account.project,
    headers: Object.keys(account.headers),
    websocket: account.websocket,
    max_in_flight: account.maxInFlight,
    soft_in_flight: account.softInFlight,
    reserve_percent: account.reservePercent,
    model_map: account.modelMap,
    origin: account.place,
  }));
  const pools = loaded.config.pools.map(({ name, accounts: members, strategy, movesExhausted, reservePercent, fallback, place }) => ({
    name,
    accounts: members,
    strategy: strategy ?? loaded.config['choice.strategy'],
    on_owner_exhausted: movesExhausted ? 'move' : 'refuse',
    reserve_percent: reservePercent,
    fallback,
    origin: place,
  }));
  const { aliases } = loaded.config;
  if (options.json) {
    const rows = Object.fromEntries(settings.map(({ key, value, origin }) => [key, { value, origin }]));
    return `${JSON.stringify({ file: loaded.file, settings: rows, accounts, pools, aliases, absent: loaded.absent, warnings: loaded.warnings })}\n`;
  }
  const lines = [
    ...table(settings.map(({ key, shown, origin }) => [key, shown === '' ? '(not set)' : shown, origin])),
    ...(accounts.length > 0 ? ['', 'accounts', ...table(accounts.map((each) => [`  ${each.name}`, `${each.kind} ${each.base_url}`, each.origin]))] : []),
    ...(pools.length > 0
      ? ['', 'pools', ...table(pools.map((each) => [`  ${each.name}`, `${each.strategy}, ${each.accounts?.join(', ') ?? 'all accounts'}`, each.origin]))]
      : []),
    ...(Object.keys(aliases).length > 0 ? ['', 'aliases', ...Object.entries(aliases).map(([alias, model]) => `  ${alias} = ${model}`)] : []),
    ...(loaded.absent.length > 0 ? ['', ...loaded.absent.map((problem) => `${ABSENT}: ${problemText(problem)}`)] : []),
    ...(loaded.warnings.length > 0 ? ['', ...loaded.warnings.map((warning) => `warning: ${warning}`)] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * What `switchyard config check` prints, and whether a start would pass.
 * @param more  What else there is to say of settings that pass.
 */
export function checkConfig(source: ConfigSource, more: readonly string[] = []): { readonly ok: boolean; readonly text: string } {
  try {
    const { file, config, warnings } = loadConfig(source);
    const where = file ?? `no settings file (${config.config} does not exist), environment and defaults`;
    const found = `${where}: fine, ${config.accounts.length} ${config.accounts.length === 1 ? 'account' : 'accounts'} declared`;
    return { ok: true, text: `${[...[...warnings, ...more].map((warning) => `warning: ${warning}`), found].join('\n')}\n` };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { ok: false, text: `${error.problems.map((problem) => problemText(problem)).join('\n')}\n` };
  }
}

function table(rows: readonly (readonly [string, string, string])[]): string[] {
  const width = (n: 0 | 1): number => Math.min(60, Math.max(...rows.map((row) => row[n].length)));
  return rows.map(([first, second, third]) => `${first.padEnd(width(0))}  ${second.padEnd(width(1))}  ${third}`);
}
