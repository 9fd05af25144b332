import { SETTING_KEYS, envName, settingOf } from './settings.ts';
import type { SettingKey } from './settings.ts';

/** A setting as docs, schema and example are printed from it. */
export interface SettingDescription {
  readonly key: SettingKey;
  readonly env: string;
  readonly aliases: readonly string[];
  /** What may be written. */
  readonly says: string;
  /** As written in the environment; empty where there is none. */
  readonly default: string;
  /** What the default does, where its value alone does not say it. */
  readonly defaultMeans: string | null;
  readonly unit: string | null;
  readonly help: string;
  readonly secret: boolean;
  readonly outsideFile: boolean;
  readonly apply: 'restart' | 'hot';
  readonly schema: Readonly<Record<string, unknown>>;
}

/** All settings in the order of the table. */
export function describeSettings(): readonly SettingDescription[] {
  return SETTING_KEYS.map((key) => {
    const setting = settingOf(key);
    return {
      key,
      env: envName(key),
      aliases: (setting.aliases ?? []).map((alias) => alias.env),
      says: setting.type.says,
      default: setting.type.show(setting.default),
      defaultMeans: setting.defaultMeans ?? null,
      unit: setting.unit ?? null,
      help: setting.help,
      secret: setting.secret === true,
      outsideFile: setting.outsideFile === true,
      apply: setting.apply,
      schema: setting.type.schema,
    };
  });
}
