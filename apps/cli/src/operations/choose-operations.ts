import type { Operations } from './operations.ts';

export interface Ways {
  /** The running server, if there is one that answers. */
  readonly findServer: () => Promise<Operations | null>;
  /** @throws an error with `reason: 'home_in_use'` when another process has the home */
  readonly openFiles: () => Promise<Operations>;
  /** Is called once, when there is something to wait for. */
  readonly waiting: () => void;
  readonly sleep: (ms: number) => Promise<unknown>;
}

const PAUSE_MS = 200;
const TRIES = 75; // 15 s: longer than a start, and than the default drain

/**
 * Takes the running server, else the files. A home that is in use although no server answers is one whose server is starting or
 * stopping, or another command at work: it is waited for.
 * @throws the refusal `home_in_use` when it stays so
 */
export async function chooseOperations({ findServer, openFiles, waiting, sleep }: Ways): Promise<Operations> {
  for (let tries = 1; ; tries++) {
    const server = await findServer();
    if (server !== null) return server;
    try {
      return await openFiles();
    } catch (error) {
      if ((error as { reason?: unknown } | null)?.reason !== 'home_in_use' || tries === TRIES) throw error;
      if (tries === 1) waiting();
      await sleep(PAUSE_MS);
    }
  }
}
