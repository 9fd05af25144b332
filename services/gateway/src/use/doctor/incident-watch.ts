import type { Logger } from '@switchyard/observability';
import type { NewIncident } from '../../store/incidents.ts';
import { INCIDENT_KINDS, INCIDENT_RULES } from './incident-rules.ts';
import type { IncidentKind, IncidentSample } from './incident-rules.ts';

/** Where incidents are kept. */
export interface IncidentStore {
  open(incident: NewIncident): Promise<bigint>;
  close(id: bigint, closedAtMs: number, evidence: string): Promise<void>;
}

export interface IncidentWatchParts {
  readonly store: IncidentStore;
  readonly isAvailable: () => boolean;
  readonly instanceId: string;
  readonly log: Logger;
  readonly wallClockMs: () => number;
}

/** What has not been seen for so long is over. */
const QUIET_MS = 60_000;

interface Watched {
  readonly sinceMs: number;
  seenMs: number;
  evidence: string;
  /** Its number in the database; null before it is there. */
  id: bigint | null;
  isOpen: boolean;
}

/**
 * Notes what goes wrong, when it began and when it was over. What cannot be written down because the database is away, which is an incident
 * itself, is written when it is back.
 */
export class IncidentWatch {
  readonly #parts: IncidentWatchParts;
  readonly #watched = new Map<IncidentKind, Watched>();
  readonly #over: { readonly kind: IncidentKind; readonly watched: Watched }[] = [];
  #before: IncidentSample | null = null;
  #writing: Promise<void> | null = null;

  constructor(parts: IncidentWatchParts) {
    this.#parts = parts;
  }

  /** To be called every few seconds. @returns settles when what there was to write has been written, or could not be */
  look(now: IncidentSample): Promise<void> {
    const before = this.#before ?? now;
    this.#before = now;
    const nowMs = this.#parts.wallClockMs();
    for (const kind of INCIDENT_KINDS) this.#judge(kind, INCIDENT_RULES[kind].seen(now, before), nowMs);
    this.#writing ??= this.#write().finally(() => (this.#writing = null));
    return this.#writing;
  }

  /** Ends what is open: who does not look any more cannot say that it lasts. @returns settles when that has been written, or could not be */
  async close(): Promise<void> {
    await this.#writing;
    for (const [kind, watched] of this.#watched) if (watched.isOpen) this.#over.push({ kind, watched });
    this.#watched.clear();
    await this.#write();
  }

  #judge(kind: IncidentKind, evidence: string | null, nowMs: number): void {
    const known = this.#watched.get(kind);
    if (evidence !== null) {
      const watched = known ?? { sinceMs: nowMs, seenMs: nowMs, evidence, id: null, isOpen: false };
      watched.seenMs = nowMs;
      watched.evidence = evidence;
      if (known === undefined) this.#watched.set(kind, watched);
      if (!watched.isOpen && nowMs - watched.sinceMs >= INCIDENT_RULES[kind].lastsMs) {
        watched.isOpen = true;
        this.#parts.log.warn('incident_opened', evidence, { kind });
      }
    } else if (known !== undefined && nowMs - known.seenMs >= QUIET_MS) {
      this.#watched.delete(kind);
      if (!known.isOpen) return;
      this.#over.push({ kind, watched: known });
      this.#parts.log.info('incident_closed', 'What was wrong has not been seen for a minute', { kind });
    }
  }

  async #write(): Promise<void> {
    const { store, isAvailable, instanceId } = this.#parts;
    if (!isAvailable()) return;
    const open = async (kind: IncidentKind, watched: Watched): Promise<bigint> =>
      (watched.id ??= await store.open({ kind, instanceId, openedAtMs: watched.sinceMs, evidence: watched.evidence }));
    try {
      for (const [kind, watched] of this.#watched) if (watched.isOpen) await open(kind, watched);
      for (let over = this.#over[0]; over !== undefined; over = this.#over[0]) {
        await store.close(await open(over.kind, over.watched), over.watched.seenMs, over.watched.evidence);
        this.#over.shift();
      }
    } catch {
      // Tried again at the next look; that the database fails is told elsewhere.
    }
  }
}
