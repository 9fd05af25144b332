import type { Cli } from './cli.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Closes what a command has opened, or is opening, when it is told to stop; then the process ends by the same signal. Without this
 * a database started for the command would outlive it.
 * @returns what takes this back
 */
export function closeOnSignal(opening: Promise<AsyncDisposable>, { signals, endBy }: Pick<Cli, 'signals' | 'endBy'>): () => void {
  let told = false;
  const close = (signal: NodeJS.Signals): void => {
    if (told) return; // pressed again while it closes
    told = true;
    void opening
      .then((opened) => opened[Symbol.asyncDispose]())
      .catch(() => {})
      .then(() => {
        forget();
        endBy(signal);
      });
  };
  const forget = (): void => {
    for (const signal of SIGNALS) signals.off(signal, close);
  };
  for (const signal of SIGNALS) signals.on(signal, close);
  return forget;
}
