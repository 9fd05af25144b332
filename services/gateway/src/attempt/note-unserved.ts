import type { SwitchyardError } from '@switchyard/contracts';
import type { Snapshot } from '../choice/account.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { Unserved } from '../choice/unserved.ts';
import type { Taken } from '../exchange.ts';

/**
 * Keeps with a request that is refused for want of an account why there was none, as far as that was found out on the way to the refusal:
 * refusals come in floods, so nothing is looked at again for it.
 */
export function noteUnserved(exchange: Taken, refusal: SwitchyardError, { version }: Pick<Snapshot, 'version'>, live: LiveFigures): void {
  if (!(refusal instanceof Unserved)) return;
  const { reason, account, backAtMs, lookedIn } = refusal;
  const { decision, model, facts, key } = exchange;
  exchange.decision = {
    snapshot: version,
    pool: key.pool ?? undefined,
    off: live.switchedOff,
    alias_for: model === null || model === facts!.model ? undefined : model,
    attempts: decision === null ? [] : decision.attempts,
    unserved: { reason, account, back_at_ms: backAtMs, looked_in: lookedIn },
  };
}
