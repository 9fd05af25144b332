import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SwitchyardError, parseCodexLogin } from '@switchyard/contracts';
import type { CodexLogin } from '@switchyard/contracts';

/** The login that lies in a Codex home now; null when there is none that can be read, for whatever reason: another machine's home, say. */
export function loginInHome(home: string): CodexLogin | null {
  try {
    return parseCodexLogin(readFileSync(join(home, 'auth.json'), 'utf8'));
  } catch (error) {
    if (error instanceof SwitchyardError || typeof (error as NodeJS.ErrnoException).code === 'string') return null;
    throw error;
  }
}
