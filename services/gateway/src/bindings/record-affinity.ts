import type { Account } from '../choice/account.ts';
import type { BindingKind } from './kinds.ts';
import { LIFE } from './life.ts';
import type { Affinity } from './resolve-affinity.ts';
import type { Continued } from './resolve-owner.ts';

/** By what a request belonged to an account, as the decision record keeps it. What is left out did not happen. */
export interface RecordedAffinity {
  readonly kind: BindingKind;
  readonly strength: Affinity['strength'];
  readonly state: keyof typeof LIFE;
  /** Null when two accounts claim the id, and when it has been given up. */
  readonly account_id: string | null;
  /** Whether it was known in memory, or had to be looked up. */
  readonly found_in: 'memory' | 'database';
  /** Another id of the request led to another account. */
  readonly disagrees?: true;
  /** Its owner had no quota left, and the conversation was let go elsewhere. */
  readonly moved?: true;
}

const STATES = Object.keys(LIFE) as readonly (keyof typeof LIFE)[];

/** @param answered  Whose answer the client got; null while there is none. */
export function recordAffinity({ kind, strength, state, accountId, wasRead, disagrees }: Continued, answered: Account | null): RecordedAffinity {
  return {
    kind,
    strength,
    state: STATES[state]!,
    account_id: accountId,
    found_in: wasRead ? 'database' : 'memory',
    ...(disagrees ? { disagrees } : {}),
    ...(strength === 'firm' && answered !== null && accountId !== answered.id ? { moved: true } : {}),
  };
}

/** A recorded affinity with every field, as the API shows it. */
export function wholeAffinity(affinity: RecordedAffinity): object {
  return { ...affinity, disagrees: affinity.disagrees ?? false, moved: affinity.moved ?? false };
}
