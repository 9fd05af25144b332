import type { Setting } from './setting.ts';
import { ADMISSION_SETTINGS } from './settings/admission.ts';
import { CHOICE_SETTINGS } from './settings/choice.ts';
import { CONVERSATION_SETTINGS } from './settings/conversations.ts';
import { FAULT_SETTINGS } from './settings/faults.ts';
import { GATEWAY_SETTINGS } from './settings/gateway.ts';
import { LIMIT_SETTINGS } from './settings/limits.ts';
import { OBSERVABILITY_SETTINGS } from './settings/observability.ts';
import { REQUEST_LOG_SETTINGS } from './settings/requests.ts';
import { SERVER_SETTINGS } from './settings/server.ts';
import { STORAGE_SETTINGS } from './settings/storage.ts';
import { UPSTREAM_SETTINGS } from './settings/upstream.ts';

/** Every setting of Switchyard, by dotted key: section and name in switchyard.toml (product sections 1, 2, 3, 5, 8, 12, 13). */
const SETTINGS = {
  ...SERVER_SETTINGS,
  ...STORAGE_SETTINGS,
  ...GATEWAY_SETTINGS,
  ...CHOICE_SETTINGS,
  ...UPSTREAM_SETTINGS,
  ...CONVERSATION_SETTINGS,
  ...LIMIT_SETTINGS,
  ...ADMISSION_SETTINGS,
  ...REQUEST_LOG_SETTINGS,
  ...FAULT_SETTINGS,
  ...OBSERVABILITY_SETTINGS,
} satisfies Readonly<Record<string, Setting<unknown>>>;

export type SettingKey = keyof typeof SETTINGS;
export type SettingValue<K extends SettingKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;

/** All keys, in the order of the table. */
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The row of a key without its own type, for code that treats all rows alike. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

export function isSettingKey(text: string): text is SettingKey {
  return Object.hasOwn(SETTINGS, text);
}

/** The environment name of a setting. */
export function envName(key: SettingKey): string {
  return settingOf(key).env ?? `SWITCHYARD_${key.replaceAll('.', '_').toUpperCase()}`;
}
