import type { SettingType } from './setting-type.ts';

/** Another name for a setting, from the programs that Switchyard follows. `values` translates where their words differ from ours. */
interface SettingAlias {
  readonly env: string;
  readonly values?: Readonly<Record<string, string>>;
}

/** One setting: everything that is said about it anywhere is said here. */
export interface Setting<T> {
  readonly type: SettingType<T>;
  readonly default: NoInfer<T>;
  /** What the default does where the value alone does not say it (`0`, empty). */
  readonly defaultMeans?: string;
  /** Environment name; `SWITCHYARD_<KEY>` with dots as underscores when absent. */
  readonly env?: string;
  readonly aliases?: readonly SettingAlias[];
  readonly unit?: string;
  readonly help: string;
  /** Never printed; may be given as `env:NAME` or `file:PATH`. */
  readonly secret?: true;
  /** Not read from the file, because it says where the file is. */
  readonly outsideFile?: true;
  /** Whether a change takes effect in a running server or at the next start. */
  readonly apply: 'restart' | 'hot';
}

/** Keeps the type of each row while a table is checked. */
export function row<T>(setting: Setting<T>): Setting<T> {
  return setting;
}

/** The longest timer of Node in milliseconds, 24.8 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
