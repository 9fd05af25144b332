import { SwitchyardError } from '@switchyard/contracts';
import type { FaultCode } from '@switchyard/contracts';
import type { Skips } from './choose-account.ts';

/** Why a request was sent to no account. A closed list: decisions keep these words. */
export const UNSERVED_REASONS = [
  // Of the key, and of the model that it asked for.
  'pool_not_declared',
  'model_not_for_key',
  'model_not_named',
  'model_not_served',
  'model_for_responses_only',
  'model_out_of_quota',
  'needs_login',
  'accounts_not_for_key',
  'no_account',
  // Of accounts that could serve it at another time.
  'full',
  'out_of_quota',
  'not_over_websocket',
  // Of the one account that a conversation belongs to.
  'owner_gone',
  'owner_needs_login',
  'owner_not_for_key',
  'owner_claimed_twice',
  'owner_full',
  'owner_out_of_quota',
  'owner_not_over_websocket',
] as const;
export type UnservedReason = (typeof UNSERVED_REASONS)[number];

/** A pool in which an account was looked for: how many serve the model there, and why each of them was passed over. */
export interface LookedIn {
  readonly pool: string;
  readonly candidates: number;
  /** Left out when nobody serves it there. */
  readonly skipped?: Skips | undefined;
}

interface UnservedParts {
  readonly param?: string;
  readonly retryAfterMs?: number;
  readonly resetsAtS?: number;
  readonly headers?: readonly string[];
  /** Of the account that it hangs on: the owner of the conversation, or the one that needs a login. */
  readonly account?: string | undefined;
  /** When the first of those who could serve it has quota again, epoch milliseconds. */
  readonly backAtMs?: number | undefined;
  /** The pool of the key, then those that stand in for it. */
  readonly lookedIn?: readonly LookedIn[];
}

/** The refusal of a request for want of an account, with what its decision is to say of that. */
export class Unserved extends SwitchyardError {
  readonly reason: UnservedReason;
  readonly account: string | undefined;
  readonly backAtMs: number | undefined;
  readonly lookedIn: readonly LookedIn[] | undefined;

  constructor(code: FaultCode, reason: UnservedReason, message: string, parts: UnservedParts = {}) {
    super(code, message, parts);
    this.reason = reason;
    this.account = parts.account;
    this.backAtMs = parts.backAtMs;
    this.lookedIn = parts.lookedIn;
  }
}
