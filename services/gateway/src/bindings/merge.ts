import type { LifeState } from './life.ts';

/** The owner of a binding that two accounts claim, and the namespace of one that two namespaces claim: nobody. */
export const NOBODY = '';
/** The owner of a binding that an operator has ended. No account has this id. */
export const ENDED = '-';

/** What is known of one id. Times are epoch seconds. */
export interface BindingValue {
  /** The account, or `NOBODY` when there is a conflict. */
  readonly owner: string;
  readonly namespace: string;
  /** Grows by one when the binding is moved to another account on purpose. */
  readonly epoch: number;
  readonly boundAtS: number;
  readonly touchedAtS: number;
  readonly state: LifeState;
  readonly stateAtS: number;
  /** How often the owner has denied the id since it last took it. */
  readonly misses: number;
}

/**
 * What two processes know of one id, put together: the join of a semilattice, so that order and repetition of what they tell each other
 * do not matter. The later epoch wins whole. Within one, two accounts are a conflict, which fails closed and never ends by itself.
 * The statement that writes bindings does the same in SQL.
 * @see product section 4, "Merge between processes"
 */
export function mergeBindings(a: BindingValue, b: BindingValue): BindingValue {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch ? a : b;
  const sameNamespace = a.namespace === b.namespace;
  const later = isLaterLife(a, b) ? a : b;
  return {
    owner: sameNamespace && a.owner === b.owner ? a.owner : NOBODY,
    namespace: sameNamespace ? a.namespace : NOBODY,
    epoch: a.epoch,
    boundAtS: Math.max(a.boundAtS, b.boundAtS),
    touchedAtS: Math.max(a.touchedAtS, b.touchedAtS),
    state: later.state,
    stateAtS: later.stateAtS,
    misses: later.misses,
  };
}

function isLaterLife(a: BindingValue, b: BindingValue): boolean {
  if (a.stateAtS !== b.stateAtS) return a.stateAtS > b.stateAtS;
  if (a.state !== b.state) return a.state > b.state;
  return a.misses > b.misses;
}
