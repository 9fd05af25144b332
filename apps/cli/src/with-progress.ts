import type { Cli } from './cli.ts';

/** How long work may take before it is spoken of: a person at a terminal wonders sooner than a log reader. */
const PATIENCE_MS = { terminal: 250, other: 1_000 } as const;

/** Says on stderr what is being waited for, if it takes long. */
export async function withProgress<T>({ err }: Pick<Cli, 'err'>, text: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => err.write(`${text}\n`), err.isTTY === true ? PATIENCE_MS.terminal : PATIENCE_MS.other);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
