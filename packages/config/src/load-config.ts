import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

import { TomlError, parse } from 'smol-toml';

import { readAccounts } from './account-entry.ts';
import type { AccountEntry } from './account-entry.ts';
import { ConfigError } from './config-error.ts';
import type { ConfigProblem } from './config-error.ts';
import { readEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { isLoopback } from './loopback.ts';
import { originText } from './origin.ts';
import type { Origin } from './origin.ts';
import { readAliases, readPools } from './pool-entry.ts';
import type { PoolEntry } from './pool-entry.ts';
import { AbsentSecret, isSecretReference, resolveSecret } from './secret-reference.ts';
import { ValueRefusal } from './setting-type.ts';
import { SETTING_KEYS, envName, isSettingKey, settingOf } from './settings.ts';
import type { SettingKey, SettingValue } from './settings.ts';
import { nearestName } from './suggest.ts';
import { tomlPlaces } from './toml-places.ts';
import type { TomlPath } from './toml-places.ts';

const SECTIONS: ReadonlySet<string> = new Set(SETTING_KEYS.filter((key) => key.includes('.')).map((key) => key.slice(0, key.lastIndexOf('.'))));

/** Every setting by its dotted key, and what the file declares. Frozen: read once, passed down. */
export type Config = { readonly [K in SettingKey]: SettingValue<K> } & Declared;

interface Declared {
  readonly accounts: readonly AccountEntry[];
  readonly pools: readonly PoolEntry[];
  /** The models that other names stand for. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** Tables of the file that are no sections of settings. */
const DECLARING: ReadonlySet<string> = new Set(['accounts', 'pools', 'aliases']);

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<SettingKey, Origin>>;
  /** Things worth saying that do not stop a start; whole sentences without values. */
  readonly warnings: readonly string[];
  /** Secrets that this shell lacks, where that was allowed; each stands in the configuration as if it were not set. */
  readonly absent: readonly ConfigProblem[];
  /** The settings file that was read, or null when there is none. */
  readonly file: string | null;
}

export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values from the command line by dotted key. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Whether a secret may be missing whose variable is not set: true for what does not start a server, which has an environment of its own. */
  readonly absentSecrets?: boolean;
  /** Relative paths start here; the process's own folder when absent. */
  readonly cwd?: string;
  /** What `~` stands for. */
  readonly userHome?: string;
  readonly readFile?: (path: string) => string;
  /** Permission bits of a file, or null where there are none. */
  readonly fileMode?: (path: string) => number | null;
}

/** Names under our prefix that are no settings: they steer `tools/boot.mjs` and tests. */
const OTHER_ENV = /^SWITCHYARD_(SKIP|BOOT|TEST|BENCH)_/;

/**
 * Reads the whole configuration: command line, then environment, then the settings file, then defaults (product section 8). An empty variable counts
 * as not set.
 * @throws ConfigError with every problem found; neither it nor the warnings hold a value
 */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const cwd = source.cwd ?? process.cwd();
  const readFile = source.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  const fileMode = source.fileMode ?? modeOf;
  const userHome = source.userHome ?? (source.env['HOME'] || homedir());
  const env = readEnvironment(source.env, cwd, readFile);
  const flags = source.flags ?? {};
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  const absent: ConfigProblem[] = [];
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const refuse = (key: string, place: string, problem: string): void => void problems.push({ key, place, problem });
  // Why a secret could not be had here, unless that is allowed.
  const lacks = (key: string, place: string, problem: string): void => void (source.absentSecrets ? absent : problems).push({ key, place, problem });
  const absolute = (path: string): string => {
    const open = path === '~' || path.startsWith('~/') ? join(userHome, path.slice(1)) : path;
    return isAbsolute(open) ? resolve(open) : resolve(cwd, open);
  };

  const take = (key: SettingKey, origin: Origin, raw: unknown, baseFile: string | null): void => {
    const { type, secret } = settingOf(key);
    origins[key] = origin;
    try {
      const given = secret && typeof raw === 'string' ? resolveSecret(raw, { env, cwd, baseFile, readFile, otherwise: 'take the line out' }) : raw;
      values[key] = origin.kind === 'file' ? type.fromToml(given) : type.fromText(String(given));
    } catch (error) {
      if (!(error instanceof ValueRefusal)) throw error;
      values[key] = settingOf(key).default;
      (error instanceof AbsentSecret ? lacks : refuse)(key, originText(origin), error.message);
    }
  };

  for (const key of SETTING_KEYS) {
    const flag = flags[key];
    const named = flag === undefined ? fromEnvironment(key, env, warnings) : null;
    if (flag !== undefined) take(key, { kind: 'flag' }, flag, null);
    else if (named) take(key, named.origin, named.text, null);
    else {
      origins[key] = { kind: 'default' };
      values[key] = settingOf(key).default;
    }
  }
  for (const key of Object.keys(flags)) if (!isSettingKey(key)) refuse(key, 'command line', unknownKey(key));
  warnUnknownEnvironment(env, warnings);

  const home = absolute(String(values['home']));
  values['home'] = home;
  const explicitFile = origins['config']?.kind !== 'default';
  const path = explicitFile ? absolute(String(values['config'])) : join(home, 'switchyard.toml');
  values['config'] = path;

  let accounts: readonly AccountEntry[] = [];
  let pools: readonly PoolEntry[] = [];
  let aliases: Readonly<Record<string, string>> = Object.freeze({});
  const text = readSettingsFile(path, explicitFile, readFile, (problem) => refuse('config', explicitFile ? originText(origins['config']!) : path, problem));
  const document = text === null ? null : parseSettingsFile(path, text, refuse);
  if (text !== null && document !== null) {
    const placeOf = tomlPlaces(text);
    const at = (keys: TomlPath): Origin => ({ kind: 'file', path, ...placeOf(keys) });
    let plainSecrets = false;
    for (const { key, keys, value } of leaves(document)) {
      if (DECLARING.has(key)) continue;
      if (!isSettingKey(key)) {
        refuse(key, originText(at(keys)), unknownKey(key));
        continue;
      }
      const { outsideFile, secret } = settingOf(key);
      if (outsideFile) {
        refuse(key, originText(at(keys)), `cannot be set in the file, because it says where the file is; set ${envName(key)}`);
        continue;
      }
      plainSecrets ||= secret === true && typeof value === 'string' && !isSecretReference(value);
      if (origins[key]?.kind === 'default') take(key, at(keys), value, path);
      else if (!secret) checkOverridden(key, value, originText(at(keys)), refuse);
    }
    if (document['accounts'] !== undefined) {
      accounts = readAccounts(document['accounts'], {
        secret: (given) => {
          plainSecrets ||= !isSecretReference(given);
          return resolveSecret(given, { env, cwd, baseFile: path, readFile, otherwise: 'take the account out' });
        },
        place: (keys) => originText(at(keys)),
        refuse,
        ...(source.absentSecrets ? { lacks } : {}),
      });
    }
    const reading = { place: (keys: TomlPath) => originText(at(keys)), refuse };
    if (document['pools'] !== undefined) pools = readPools(document['pools'], reading);
    if (document['aliases'] !== undefined) aliases = readAliases(document['aliases'], reading);
    const mode = plainSecrets ? fileMode(path) : null;
    if (mode !== null && (mode & 0o077) !== 0) {
      warnings.push(`${path} holds a secret and other users can read it; write env:NAME or file:PATH instead, or close it with: chmod 600 ${path}`);
    }
  }

  if (problems.length === 0) checkTogether(values as unknown as Config, origins, refuse);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze({
    config: Object.freeze({ ...(values as unknown as Config), accounts, pools, aliases }),
    origins: Object.freeze(origins as Record<SettingKey, Origin>),
    warnings: Object.freeze(warnings),
    absent: Object.freeze(absent),
    file: text === null ? null : path,
  });
}

function modeOf(path: string): number | null {
  return process.platform === 'win32' ? null : statSync(path).mode & 0o777;
}

/** The setting's own name first, then its aliases in order. */
function fromEnvironment(key: SettingKey, env: Environment, warnings: string[]): { origin: Origin; text: string } | null {
  let chosen: { origin: Origin & { kind: 'env' }; text: string } | null = null;
  for (const { env: name, values } of [{ env: envName(key), values: undefined }, ...(settingOf(key).aliases ?? [])]) {
    const found = env.get(name);
    if (found === undefined || found.text === '') continue;
    const text = values?.[found.text.trim().toLowerCase()] ?? found.text;
    if (chosen === null) chosen = { origin: { kind: 'env', name, ...(found.dotEnv ? { dotEnv: true as const } : {}) }, text };
    else if (chosen.text !== text) warnings.push(`${name} is not used, because ${chosen.origin.name} sets ${key} too; remove one of them`);
  }
  return chosen;
}

function unknownKey(key: string): string {
  if (SECTIONS.has(key)) return `is a section; write [${key}] on a line of its own and its settings below`;
  const near = nearestName(key, [...SETTING_KEYS, ...SECTIONS, ...DECLARING]);
  return `is not a setting; ${near === null ? 'see `switchyard config show` for all of them' : `did you mean ${near}?`}`;
}

function warnUnknownEnvironment(env: Environment, warnings: string[]): void {
  const known = new Set(SETTING_KEYS.flatMap((key) => [envName(key), ...(settingOf(key).aliases ?? []).map((alias) => alias.env)]));
  for (const name of env.keys()) {
    if (!name.startsWith('SWITCHYARD_') || known.has(name) || OTHER_ENV.test(name)) continue;
    const near = nearestName(
      name,
      [...known].filter((each) => each.startsWith('SWITCHYARD_')),
    );
    warnings.push(`the environment variable ${name} is not a setting and has no effect${near === null ? '' : `; did you mean ${near}?`}`);
  }
}

function readSettingsFile(path: string, mustExist: boolean, readFile: (path: string) => string, refuse: (problem: string) => void): string | null {
  try {
    return readFile(path).replace(/^\ufeff/, '');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if ((code === 'ENOENT' || code === 'ENOTDIR') && !mustExist) return null;
    refuse(
      code === 'ENOENT'
        ? `names ${path}, which does not exist; make it, or take the setting away`
        : `names ${path}, which cannot be read (${String(code)}); make it readable for this user`,
    );
    return null;
  }
}

function parseSettingsFile(path: string, text: string, refuse: (key: string, place: string, problem: string) => void): Record<string, unknown> | null {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The parser's message ends in the lines around the fault, which may hold a secret: its first line alone is said.
    const what = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '');
    refuse('switchyard.toml', `${path}:${error.line}:${error.column}`, `is not TOML there (${what}); correct the line`);
    return null;
  }
}

/** The entries of a document by dotted key; a table that is itself no setting is opened. */
function* leaves(table: Readonly<Record<string, unknown>>, above: readonly string[] = []): Generator<{ key: string; keys: string[]; value: unknown }> {
  for (const [name, value] of Object.entries(table)) {
    const keys = [...above, name];
    const key = keys.join('.');
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (isTable && SECTIONS.has(key)) yield* leaves(value as Record<string, unknown>, keys);
    else yield { key, keys, value };
  }
}

/** A value that environment or flags override is still refused when it is wrong: the day they are gone it would stop a start. */
function checkOverridden(key: SettingKey, value: unknown, place: string, refuse: (key: string, place: string, problem: string) => void): void {
  try {
    settingOf(key).type.fromToml(value);
  } catch (error) {
    if (!(error instanceof ValueRefusal)) throw error;
    refuse(key, place, error.message);
  }
}

const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** What no single value shows. */
function checkTogether(config: Config, origins: Readonly<Record<string, Origin>>, refuse: (key: string, place: string, problem: string) => void): void {
  const at = (key: SettingKey): string => originText(origins[key] ?? { kind: 'default' });
  if (config['limits.body_memory_bytes'] < config['limits.body_bytes']) {
    refuse(
      'limits.body_memory_bytes',
      at('limits.body_memory_bytes'),
      'is below limits.body_bytes, so that the largest body would never fit; raise it, or lower limits.body_bytes',
    );
  }
  // While the gateway's own listener serves our API too, this address is not used (product section 8).
  const apart = !isLoopback(config['server.host']) && !config['admin.expose'];
  const { host, port } = config['admin.listen'];
  const overlap = host === config['server.host'] || ANY_ADDRESS.has(host) || ANY_ADDRESS.has(config['server.host']);
  if (apart && port !== 0 && port === config['server.port'] && overlap) {
    // Said of the one that somebody has set.
    const key = origins['admin.listen']?.kind === 'default' ? 'server.port' : 'admin.listen';
    const other = key === 'server.port' ? 'admin.listen (our own API)' : 'the gateway itself';
    refuse(key, at(key), `is the port of ${other}; choose another, or 0 for a free one`);
  }
}
