import type { UpstreamCall } from '@switchyard/contracts';
import type { AttemptRecord } from '../settle/decision.ts';
import type { PolicyName } from './policy.ts';
import type { Committed } from './run-attempts.ts';

/** An answer that goes to the client only when there is no better one. */
export interface Refused extends Committed {
  /** To be stopped when its answer is not wanted: some of it may still be on its way. */
  readonly call: Pick<UpstreamCall, 'abort'>;
  readonly record: AttemptRecord;
  readonly policy: PolicyName;
}

/** Of two refusals the one for the client: the later of those that tell it most. The other is let go. */
export function kept(last: Refused | null, next: Refused): Refused {
  if (last === null) return next;
  const [better, worse] = tellsAsMuch(next.policy, last.policy) ? [next, last] : [last, next];
  worse.call.abort();
  return better;
}

/** Whether a refusal tells the client no less than the one before it. */
export function tellsAsMuch(next: PolicyName, last: PolicyName): boolean {
  return weightOf(next) >= weightOf(last);
}

/**
 * A refusal tells why. A stream that broke off in its opening tells nothing. And a 401 would make codex renew a login that is not the one
 * refused, so it goes out only when there is nothing else (protocol trap 23).
 */
function weightOf(policy: PolicyName): number {
  return policy === 'credential_refused' ? 0 : policy === 'broken_off' ? 1 : 2;
}
