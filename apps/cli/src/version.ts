import { readFileSync } from 'node:fs';

/** The version of the whole product, read from the root manifest: loading the server to ask it would take half a second. */
export function readVersion(): string {
  return (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}
