import { ON_PURPOSE } from '@switchyard/contracts';
import type { FaultBudget } from '@switchyard/contracts';
import type { CredentialKeeperParts } from './credential-keeper.ts';

type Renew = CredentialKeeperParts['renew'];

/** Renewing logins, failing as often as the budget says. */
export function faultyRenew(renew: Renew, faults: FaultBudget): Renew {
  return (...args) => (faults.take('refresh') ? Promise.resolve({ is: 'failed', why: ON_PURPOSE }) : renew(...args));
}
