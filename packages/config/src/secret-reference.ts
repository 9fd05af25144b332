import { dirname, resolve } from 'node:path';

import type { Environment } from './environment.ts';
import { ValueRefusal } from './setting-type.ts';

/** What a reference is resolved against. `baseFile` is the file that holds it, null where it came from elsewhere. */
export interface SecretContext {
  readonly env: Environment;
  readonly cwd: string;
  readonly baseFile: string | null;
  readonly readFile: (path: string) => string;
  /** What to do other than to set a variable that is not set. */
  readonly otherwise: string;
}

/** A variable that a secret is to be read from is not set here; another shell may have it. */
export class AbsentSecret extends ValueRefusal {}

/** Whether a text says where a secret is rather than being one. */
export function isSecretReference(text: string): boolean {
  return /^(env|file):/.test(text);
}

/**
 * A secret as given, or what `env:NAME` or `file:PATH` (relative to the file that says so) refers to.
 * @throws AbsentSecret, ValueRefusal naming the variable or the path, never what it holds
 */
export function resolveSecret(text: string, { env, cwd, baseFile, readFile, otherwise }: SecretContext): string {
  if (text.startsWith('env:')) {
    const name = text.slice('env:'.length);
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name)) throw new ValueRefusal('must name an environment variable after env:');
    const value = env.get(name)?.text;
    if (value === undefined || value === '')
      throw new AbsentSecret(`refers to the environment variable ${name}, which is not set here; set and export it, or ${otherwise}`);
    return value;
  }
  if (text.startsWith('file:')) {
    const path = resolve(baseFile === null ? cwd : dirname(baseFile), text.slice('file:'.length));
    let value: string;
    try {
      value = readFile(path);
    } catch {
      throw new ValueRefusal(`refers to the file ${path}, which cannot be read; make it, or make it readable`);
    }
    const trimmed = value.replace(/\r?\n$/, '');
    if (trimmed === '') throw new ValueRefusal(`refers to the file ${path}, which is empty`);
    return trimmed;
  }
  return text;
}
