import { cpuNs, machineBusyNs } from '../machine/process-table.ts';
import type { Split } from '../machine/process-table.ts';

/** The processes whose CPU is read at both ends of a window. */
export interface Watched {
  /** The subject's process, and its database when that is no child of it. */
  readonly subject: readonly number[];
  readonly mock: number;
  /** What only keeps a core awake. */
  readonly idlers: readonly number[];
}

/** What the kernel says about the time between two moments. */
export interface WindowReading {
  readonly seconds: number;
  readonly subjectNs: Split;
  readonly mockNs: number;
  readonly loadNs: number;
  /** Cores that others on this machine kept busy: the noise of the reading. */
  readonly elsewhereCores: number;
}

/** Opens a window; the returned function closes it and says what was used in between. */
export function openWindow(watched: Watched): () => WindowReading {
  const before = readAll(watched);
  return () => {
    const after = readAll(watched);
    const seconds = (after.at - before.at) / 1000;
    const subjectNs = {
      own: after.subject.own - before.subject.own,
      postgres: after.subject.postgres - before.subject.postgres,
    };
    const mockNs = after.mock - before.mock;
    const loadNs = after.load - before.load;
    const elsewhereNs = after.machine - before.machine - subjectNs.own - subjectNs.postgres - mockNs - loadNs - (after.idlers - before.idlers);
    return { seconds, subjectNs, mockNs, loadNs, elsewhereCores: Math.max(0, elsewhereNs / 1e9 / seconds) };
  };
}

function readAll(watched: Watched): { machine: number; subject: Split; mock: number; load: number; idlers: number; at: number } {
  return {
    machine: machineBusyNs(),
    subject: cpuNs(watched.subject),
    mock: cpuNs([watched.mock]).own,
    load: cpuNs([process.pid]).own,
    idlers: cpuNs(watched.idlers).own,
    at: performance.now(),
  };
}
