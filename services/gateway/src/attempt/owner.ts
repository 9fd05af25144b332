import type { Account } from '../choice/account.ts';

/**
 * The account that a conversation belongs to, and how firmly (product section 4). `hard`: no other may ever be asked. `firm`: no other,
 * unless it is out of quota and the pool lets such conversations move. `soft`: it goes first while it can serve.
 */
export interface Owner {
  readonly account: Account;
  readonly strength: 'hard' | 'firm' | 'soft';
  /** It has said a moment ago that it does not know what the request goes on from: it is not asked for that twice. */
  readonly wasDenied?: true;
}
