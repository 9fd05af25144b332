import type { Ground } from '../ground.ts';
import { tallies } from '../metrics.ts';
import { BindingClock } from './binding-clock.ts';
import { Bindings } from './bindings.ts';
import type { BindResult, BindingStore } from './bindings.ts';
import { KINDS, bindingLimits } from './kinds.ts';
import type { KindLimits } from './kinds.ts';
import type { OwnerParts } from './resolve-owner.ts';
import { TurnStates } from './turn-states.ts';

interface BindingsRoomParts extends Pick<Ground, 'config' | 'metrics' | 'timing' | 'nowMs' | 'wallClockMs'> {
  readonly store: BindingStore;
}

/** What is known of conversations, and what is counted of it. */
export interface BindingsRoom {
  readonly bindings: Bindings;
  readonly limits: KindLimits;
  readonly clock: BindingClock;
  readonly turnStates: TurnStates;
  /** For finding whose a conversation is. */
  readonly owners: OwnerParts;
  /** Counts an answer whose last part has waited for its binding. */
  readonly onBound: (result: BindResult) => void;
  /** How such waits have ended since the start. */
  readonly waits: Readonly<Record<BindResult, number>>;
}

export function openBindings({ config, metrics, timing, nowMs, wallClockMs, store }: BindingsRoomParts): BindingsRoom {
  const limits = bindingLimits(config);
  const clock = new BindingClock({ nowMs, wallClockMs });
  const bindings = new Bindings({ store, limits, maxWaitMs: timing.bindingWaitMs, nowS: () => clock.nowS(), agedS: () => clock.agedS() });
  const turnStates = new TurnStates();
  const countWaited = tallies(metrics.switchyard_binding_waits_total, (result) => ({ result }));
  const waits: Record<BindResult, number> = { durable: 0, late: 0, suspended: 0 };
  for (const kind of KINDS) metrics.switchyard_bindings.follow({ kind }, () => bindings.count(kind));
  metrics.switchyard_binding_conflicts.follow(() => bindings.conflicts);
  metrics.switchyard_binding_disputes_total.follow(() => bindings.disputed);
  return {
    bindings,
    limits,
    clock,
    turnStates,
    owners: {
      bindings,
      turnStates,
      onDisagreement: tallies(metrics.switchyard_affinity_disagreements_total, (kind) => ({ kind })),
      onDeniedLately: () => metrics.switchyard_negative_cache_hits_total.inc(),
    },
    onBound(result) {
      waits[result]++;
      countWaited(result);
    },
    waits,
  };
}
