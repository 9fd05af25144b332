import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** The environment as settings see it: process variables, and in development those of `.env` below them. */
export type Environment = ReadonlyMap<string, { readonly text: string; readonly dotEnv: boolean }>;

/** Reads `.env` in the working folder only when NODE_ENV is `development`: elsewhere a stray file must not change a server. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>, cwd: string, readFile: (path: string) => string): Environment {
  const all = new Map<string, { text: string; dotEnv: boolean }>();
  if (env['NODE_ENV'] === 'development') {
    for (const [name, text] of Object.entries(dotEnvOf(join(cwd, '.env'), readFile))) {
      if (text !== undefined) all.set(name, { text, dotEnv: true });
    }
  }
  for (const [name, text] of Object.entries(env)) {
    if (text !== undefined) all.set(name, { text, dotEnv: false });
  }
  return all;
}

function dotEnvOf(path: string, readFile: (path: string) => string): NodeJS.Dict<string> {
  let text: string;
  try {
    text = readFile(path);
  } catch {
    return {}; // absent is the rule
  }
  return parseEnv(text);
}
