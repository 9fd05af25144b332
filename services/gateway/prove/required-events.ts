import { COMMANDS } from './commands/all.ts';
import type { Coverage } from './coverage.ts';

/** Events that have to have happened for a run to mean something, beside every command. */
const EVENTS = [
  'claim:previousResponse',
  'claim:turnState',
  'claim:calls',
  'claim:encrypted',
  'claim:session',
  'compact_in_session',
  'follow_up',
  'twice_at_once',
  'left:before_head',
  'left:held',
  'left:committed',
  'asked:turn',
  'turn:same_socket',
  'turn:other_socket',
  'turn:left',
  'slow_behind_a_megabyte',
  'strength:owned',
  'strength:preferred',
  'strength:foreign',
  'strength:free',
] as const;

/** Turns that requests take inside the gateway, each of which has to have been taken: how they end, what follows an attempt, how bindings stand. */
const TRANSITIONS = [
  'outcome:completed',
  'outcome:upstream_error',
  'outcome:upstream_cut',
  'outcome:client_left',
  'outcome:refused',
  'outcome:shut_down',
  'outcome:server_lost',
  'chosen:choice',
  'chosen:owner',
  'chosen:owner_again',
  'chosen:kept',
  'chosen:only_one_left',
  'chosen:open_socket',
  'attempt:passed_on:relayed',
  'attempt:credential_refused:next_account',
  'attempt:credential_refused:relayed',
  'attempt:quota:next_account',
  'attempt:quota:relayed',
  'attempt:overloaded:next_account',
  'attempt:overloaded:same_account',
  'attempt:overloaded:relayed',
  'attempt:server_error:next_account',
  'attempt:server_error:same_account',
  'attempt:server_error:relayed',
  'attempt:unreachable:next_account',
  'attempt:unreachable:same_account',
  'attempt:unreachable:gave_up',
  'attempt:broken_off:next_account',
  'attempt:broken_off:same_account',
  'attempt:broken_off:relayed',
  'attempt:broken_off:gave_up',
  'attempt:response_not_found:same_account',
  'attempt:response_not_found:relayed',
  'binding:response:warm',
  'binding:response:verified',
  'binding:response:suspect',
  'binding:response:dead',
  'binding:response:nobody',
  'binding:turn_state:verified',
  'binding:call:verified',
  'binding:encrypted:verified',
  'binding:session:verified',
  'binding:lineage_session:verified',
  'binding:lineage_turn:verified',
  'stopped_by:budget',
  'stopped_by:retry_budget',
] as const;

/** In a million steps each wanted event happens at least so often; in fewer, in proportion, but at least once. */
const LEAST_IN_A_MILLION = 1_000;

/** What happened too rarely in so many steps. */
export function missingEvents(coverage: Coverage, steps: number): { readonly event: string; readonly times: number; readonly least: number }[] {
  const least = Math.max(1, Math.floor((LEAST_IN_A_MILLION * steps) / 1_000_000));
  const named = [...EVENTS, ...COMMANDS.map(({ name }) => `command:${name}`)].map((event) => ({ event, times: coverage.of(event), least }));
  const taken = TRANSITIONS.map((event) => ({ event, times: coverage.of(event), least: 1 }));
  return [...named, ...taken].filter((each) => each.times < each.least);
}
