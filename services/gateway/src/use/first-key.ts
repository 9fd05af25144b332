import { SwitchyardError } from '@switchyard/contracts';
import type { Config } from '@switchyard/config';
import { listKeys } from '../store/keys.ts';
import type { Control } from './control.ts';
import { createKey } from './keys.ts';

/** Makes the first key when there has never been one. @returns its text when it was made up here, and so has to be shown */
export async function makeFirstKey(control: Control, config: Config): Promise<string | null> {
  if ((await listKeys(control.db, 'all')).length > 0) return null;
  const given = config['gateway.bootstrap_key'];
  try {
    // A reading of the keys that fails is repeated by itself; the key is made, and has to be shown all the same.
    const applied = (): Promise<void> => control.applied().catch(() => {});
    const { key } = await createKey({ ...control, applied }, { name: 'first', models: null, accounts: null }, given || undefined);
    return given ? null : key;
  } catch (error) {
    // Another process on the same database was first.
    if (error instanceof SwitchyardError && error.code === 'name_taken') return null;
    throw error;
  }
}
