import type { Account } from '../choice/account.ts';
import type { Taken } from '../exchange.ts';
import type { Bindings } from './bindings.ts';
import { digestOf } from './digest.ts';

/** The code by which an upstream says that it does not know what a request goes on from. */
export const DENIAL = 'previous_response_not_found';

/** An account has answered with that code: when the response is bound to it, that counts against the binding, whichever claim led there. */
export function noteDenial({ match, facts, key }: Taken, account: Account, bindings: Bindings): void {
  const id = facts?.claims?.previousResponse ?? null;
  if (id !== null) bindings.deny('response', digestOf('response', key.id, null, id), account.id, match.surface.lane);
}
