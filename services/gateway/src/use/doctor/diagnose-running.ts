import type { Config } from '@switchyard/config';
import { isConnectionLoss } from '@switchyard/database';
import type { QuotaView } from '../quota.ts';
import { diagnose } from './diagnose.ts';
import type { LiveFacts } from './facts.ts';
import type { Report } from './finding.ts';
import { readStored } from './read-stored.ts';
import type { StoredParts } from './read-stored.ts';

export interface RunningParts extends StoredParts {
  readonly config: Config;
  /** Whether the database answered when it was last asked for something. */
  readonly isAvailable: () => boolean;
  readonly live: () => LiveFacts;
  readonly quota: () => readonly QuotaView[];
}

/** What is wrong with the server that is asked. With the database away it says that, and what it knows by itself. */
export async function diagnoseRunning({ config, live, quota, isAvailable, ...parts }: RunningParts): Promise<Report> {
  const stored = !isAvailable()
    ? null
    : await readStored(parts).catch((error: unknown) => {
        if (isConnectionLoss(error)) return null;
        throw error;
      });
  return diagnose({ config, stored, quota: quota(), live: live(), atMs: parts.control.wallClockMs() });
}
