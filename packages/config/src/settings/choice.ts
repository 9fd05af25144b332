import { CHOICE_STRATEGIES } from '../choice-strategies.ts';
import { row } from '../setting.ts';
import type { Setting } from '../setting.ts';
import { boolean, oneOf } from '../setting-type.ts';

/** A heuristic of choice, which can be switched off. `POST /api/decisions/{id}/replay` tells what each earns. */
function heuristic(help: string): Setting<boolean> {
  return row({ type: boolean, default: true, apply: 'restart', help });
}

/** Which account serves whom (product section 3). A heuristic counts where the strategy uses it. */
export const CHOICE_SETTINGS = {
  'choice.strategy': row({
    type: oneOf(CHOICE_STRATEGIES),
    default: 'balance',
    apply: 'restart',
    help: 'How the account of a new conversation is chosen among those that can serve it, where its pool does not say otherwise: `balance` by priority, quota left, requests in flight and health; `cache_first` the same, but first the account that was sent the same `prompt_cache_key`; `performance_first` by first byte; `priority` by that alone; `round_robin` in turns; `least_used` by most quota left; `drain_first` one until it is out; `soonest_reset` by the quota that is full again soonest.',
  }),
  'choice.quota_band': heuristic(
    'Accounts with more quota left go first: ready, thin, unknown, critical. One that is out is never chosen, whatever this says.',
  ),
  'choice.quota_pressure': heuristic('Among those, accounts whose quota has to last for longer go later.'),
  'choice.fresh_quota': heuristic('Accounts whose quota was heard of lately go before those of which only an old reading is known.'),
  'choice.in_flight': heuristic('Accounts with fewer requests in flight go first. Limits in flight hold whatever this says.'),
  'choice.health': heuristic('Accounts that failed lately go later; the points wear off with time and with success.'),
  'choice.bad_pairing': heuristic('The same for what went badly on this lane, remembered for three times as long.'),
  'choice.latency': heuristic('Accounts whose first byte is slow go later; `performance_first` goes by it before all else.'),
  'choice.circuit': heuristic(
    'An account that keeps failing is left alone for a while, and then tried with one request at a time. Back-offs that an answer asks for hold whatever this says.',
  ),
  'choice.prompt_cache': heuristic('The account that was sent the same `prompt_cache_key` goes before its equals, and with `cache_first` before all.'),
  'choice.warm_conversation': heuristic('A conversation that any account may continue stays where it is while that account can serve it.'),
  'choice.last_chosen': heuristic('Among equals the account that was chosen longest ago goes first; off, the first by name.'),
};
