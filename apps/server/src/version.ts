import { readFileSync } from 'node:fs';

/** The version of the whole product: the root manifest says it once for all. */
export const VERSION = (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
