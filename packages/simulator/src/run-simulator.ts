import type { SimulatorOptions } from './open-simulator.ts';
import { openSimulator } from './open-simulator.ts';

/** The process seams of `runSimulator`. */
export interface Surroundings {
  /** Where the `ready` line goes: stdout. */
  readonly out: { write(text: string): unknown };
  /** Where the end signals come from: the process. */
  readonly signals: Pick<NodeJS.EventEmitter, 'once' | 'off'>;
}

const ENDS = ['SIGTERM', 'SIGINT'] as const;

/**
 * `switchyard simulate`: serves until SIGTERM or SIGINT, then closes. Prints `ready http://HOST:PORT` once it can serve.
 * @returns the exit code, 0
 * @throws the error of listening (`EADDRINUSE`, `EACCES`) as it is
 */
export async function runSimulator(options: SimulatorOptions, { out, signals }: Surroundings = { out: process.stdout, signals: process }): Promise<0> {
  await using simulator = await openSimulator(options);
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  for (const signal of ENDS) signals.once(signal, end);
  out.write(`ready ${simulator.url}\n`);
  await promise;
  for (const signal of ENDS) signals.off(signal, end);
  return 0;
}
