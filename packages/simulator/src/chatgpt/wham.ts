import type { Json } from '../json.ts';
import type { Reply } from '../reply.ts';
import { jsonReply } from '../reply.ts';
import type { Call, World } from '../world.ts';

// What the codex CLI asks beside the model with a ChatGPT login (codex-protocol 6 and 8.5).

const DAY_S = 86_400;

function accountIn({ headers }: Call): string {
  const id = headers['chatgpt-account-id'];
  return typeof id === 'string' ? id : 'acct-simulated';
}

/** `GET /backend-api/wham/accounts/check`: the account in use, once, and nothing that would lead model traffic elsewhere. */
export function checkAccounts(call: Call): Reply {
  const id = accountIn(call);
  const account = {
    id,
    name: 'Simulated',
    structure: 'personal',
    plan_type: 'plus',
    workspace_backend_origin: 'https://chatgpt.com',
    account_routing_override: 'NO_CONSTRAINT',
  };
  return jsonReply({ accounts: [account], account_ordering: [id], default_account_id: id });
}

/** `GET /backend-api/wham/usage`: what a script says, else a quota of which a tenth is used. */
export function showUsage(call: Call, world: World): Reply {
  return jsonReply(world.usage ?? usualUsage(accountIn(call), world.seconds()));
}

function usualUsage(accountId: string, nowS: number): Json {
  const window = (used: number, lengthS: number): Json => ({
    used_percent: used,
    limit_window_seconds: lengthS,
    reset_after_seconds: lengthS / 2,
    reset_at: nowS + lengthS / 2,
  });
  return {
    plan_type: 'plus',
    account_id: accountId,
    rate_limit: { allowed: true, limit_reached: false, primary_window: window(10, DAY_S / 5), secondary_window: window(10, 7 * DAY_S) },
    additional_rate_limits: [],
    credits: { has_credits: false, unlimited: false, balance: '0' },
    spend_control: { reached: false },
    rate_limit_reached_type: null,
  };
}

/** `GET /backend-api/wham/profiles/me`: no figures, in what holds them. */
export function showProfile(): Reply {
  return jsonReply({ stats: {} });
}

/** The rest of what it asks, of which it needs nothing. */
export function nothingToTell(): Reply {
  return jsonReply({});
}
