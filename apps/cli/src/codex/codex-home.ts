import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Cli } from '../cli.ts';

/** The folder in which codex keeps its configuration and its login. @param named  The one that somebody has asked for */
export function codexHomeOf(env: Cli['env'], named?: string): string {
  return resolve(named ?? env['CODEX_HOME'] ?? join(env['HOME'] ?? homedir(), '.codex'));
}
