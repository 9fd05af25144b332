import type { Logger } from '@switchyard/observability';
import type { Output } from './cli.ts';

/** A logger for a command: what the operator should know is a sentence on stderr, the rest is not said. */
export function plainLogger(err: Output): Logger {
  const silent = (): void => {};
  const say = (_event: string, message: string): void => void err.write(`warning: ${message}\n`);
  const logger: Logger = { debug: silent, info: silent, warn: say, error: say, critical: say, child: () => logger };
  return logger;
}
