import type { IncomingMessage } from 'node:http';
import type { ToldQuota, ToldWindow } from '../choice/tell-quota.ts';

// What codex asks of the ChatGPT backend beside the model, answered for the client and not for the account that happens to serve it: the
// account behind a conversation is chosen request by request, and is nobody's business outside (codex-protocol sections 6 and 8.5).

/** Said of a client that names no account. */
const NO_ACCOUNT = 'switchyard';

/** The account that the client takes itself for. */
export function accountOf({ headers }: IncomingMessage): string {
  const id = headers['chatgpt-account-id'];
  return typeof id === 'string' && /^[\x21-\x7e]{1,200}$/.test(id) ? id : NO_ACCOUNT;
}

/**
 * The account of the client, once, with nothing that would lead its model traffic elsewhere. The origin must be given, and is asked only by a
 * codex whose provider has this address followed by `/codex` as its base URL (docs/codex.md).
 */
export function accountsCheck(id: string): object {
  return {
    accounts: [
      {
        id,
        name: 'Switchyard',
        structure: 'personal',
        plan_type: 'plus',
        workspace_backend_origin: 'https://chatgpt.com',
        account_routing_override: 'NO_CONSTRAINT',
      },
    ],
    account_ordering: [id],
    default_account_id: id,
  };
}

/** A quota as codex asks for it. @param nowS  Unix seconds. */
export function usageOf(id: string, { primary, secondary, isReached, planType }: ToldQuota, nowS: number): object {
  return {
    plan_type: planType ?? 'plus',
    account_id: id,
    rate_limit: { allowed: !isReached, limit_reached: isReached, primary_window: usageWindow(primary, nowS), secondary_window: usageWindow(secondary, nowS) },
    additional_rate_limits: [],
    credits: { has_credits: false, unlimited: false, balance: '0' },
    spend_control: { reached: false },
    rate_limit_reached_type: isReached ? { type: 'rate_limit_reached' } : null,
  };
}

function usageWindow(window: ToldWindow | null, nowS: number): object | null {
  if (window === null) return null;
  return {
    used_percent: Math.round(window.usedPercent),
    limit_window_seconds: window.lengthS ?? 0,
    reset_after_seconds: Math.max(0, Math.ceil(window.resetAtS - nowS)),
    reset_at: window.resetAtS,
  };
}
