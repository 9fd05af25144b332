import type { Coverage } from './coverage.ts';

/** A request as the request log tells of it. */
export interface ToldRequest {
  readonly label: string;
  /** Bytes of its body, or of its frame. */
  readonly bytes: number;
  readonly outcome: string;
  readonly ended: boolean;
  readonly decision: {
    readonly attempts: readonly ToldAttempt[];
    readonly affinity?: { readonly kind: string; readonly strength: string; readonly state: string; readonly account_id: string | null; readonly moved?: true };
    readonly stopped_by?: string;
  } | null;
}

interface ToldAttempt {
  readonly account: string;
  readonly chosen_by: string;
  readonly status?: number | null;
  readonly policy?: string;
  readonly verdict: string;
}

/** Counts where requests went inside the gateway: how each ended, what was made of each attempt, and in which state its binding was. */
export function countTransitions(coverage: Coverage, requests: readonly ToldRequest[]): void {
  for (const { outcome, decision } of requests) {
    coverage.count(`outcome:${outcome}`);
    if (decision === null) continue;
    const { attempts, affinity, stopped_by } = decision;
    for (const { chosen_by, policy = 'passed_on', verdict } of attempts) {
      coverage.count(`chosen:${chosen_by}`);
      coverage.count(`attempt:${policy}:${verdict}`);
    }
    if (affinity !== undefined)
      coverage.count(`binding:${affinity.kind}:${affinity.account_id === null && affinity.state !== 'dead' ? 'nobody' : affinity.state}`);
    if (affinity?.moved === true) coverage.count('moved');
    if (stopped_by !== undefined) coverage.count(`stopped_by:${stopped_by}`);
  }
}
