import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { readOrMakeSecretFile } from './private-file.ts';
import { SecurityRefusal } from './security-refusal.ts';

const MIN_CHARACTERS = 20;

/**
 * The token that admin routes take (product section 8): the setting when there is one, else `$home/admin.token`, made (0600) when absent.
 * Its prefix `swadm-` lets the log scrubber and secret scanners know it.
 * @throws SecurityRefusal when the file is open to others, or holds fewer than 20 characters
 */
export function readAdminToken(options: { readonly home: string; readonly fromSetting?: string }): string {
  if (options.fromSetting !== undefined && options.fromSetting !== '') return options.fromSetting;
  const path = join(options.home, 'admin.token');
  const { text } = readOrMakeSecretFile(path, () => `swadm-${randomBytes(24).toString('base64url')}`);
  if (text.length < MIN_CHARACTERS || /[^\x21-\x7e]/.test(text))
    throw new SecurityRefusal(`${path} is damaged; remove it and start again, a new token is made`);
  return text;
}
