import { SwitchyardError } from '@switchyard/contracts';
import type { FaultCode } from '@switchyard/contracts';
import type { Owner } from '../attempt/owner.ts';
import { NO_CLAIMS } from '../bindings/claims.ts';
import type { Claims } from '../bindings/claims.ts';
import { resolveOwner } from '../bindings/resolve-owner.ts';
import type { Asking, Continued, OwnerParts } from '../bindings/resolve-owner.ts';
import { modelFor } from '../choice/pool.ts';
import type { AccountTable } from '../choice/pool.ts';
import { SURFACES } from '../routes.ts';
import type { Lane, Surface } from '../routes.ts';
import type { KeyView } from './keys.ts';

/** A request that has not been made. */
export interface WouldBe {
  readonly model: string | null;
  readonly lane: Lane;
  /** Null: one of the default pool that may use every account. */
  readonly key: KeyView | null;
  readonly continues: Pick<Claims, 'previousResponse' | 'session' | 'turnState'>;
}

/** To whom such a request would belong. */
export interface Belonging {
  readonly claims: Claims;
  /** By which of its ids; null when they lead nowhere. */
  readonly affinity: Continued | null;
  readonly owner: Owner | null;
  /** Why its ids would be refused; null when they would not. */
  readonly refused: FaultCode | null;
}

/**
 * Finds the owner of a request that has not been made as it would be found of one that is. What this server has not heard of it looks up; it
 * binds, counts and notes nothing.
 * @returns null when it continues nothing
 * @throws SwitchyardError `missing_required_parameter` without the key whose ids they are
 */
export async function findBelonging({ model, lane, key, continues }: WouldBe, table: AccountTable, owners: OwnerParts): Promise<Belonging | null> {
  if (Object.values(continues).every((id) => id === null)) return null;
  if (key === null)
    throw new SwitchyardError('missing_required_parameter', 'Ids belong to the key that a conversation was made with; say which with `key`.', { param: 'key' });
  const claims = { ...NO_CLAIMS, ...continues };
  const surface = (SURFACES as readonly Surface[]).find((each) => each.lane === lane && each.by !== 'gateway')!;
  const asking: Asking = {
    match: { surface, id: null, path: surface.path, query: '' },
    facts: { claims },
    key: { id: key.id, accounts: key.accounts === null ? null : new Set(key.accounts), pool: key.pool },
    model: model === null ? null : modelFor(table, model),
    affinity: null,
    decision: null,
  };
  const quiet = { ...owners, onDisagreement: () => {}, onDeniedLately: () => {} };
  try {
    const owner = await resolveOwner(asking, lane === 'standard' ? (table.plain ?? table) : table, quiet);
    return { claims, affinity: asking.affinity, owner, refused: null };
  } catch (error) {
    if (!(error instanceof SwitchyardError)) throw error;
    return { claims, affinity: asking.affinity, owner: null, refused: error.code };
  }
}
