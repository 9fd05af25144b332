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
  'strength:owned',
  'strength:preferred',
  'strength:foreign',
  'strength:free',
] as const;

/** In a million steps each wanted event happens at least so often; in fewer, in proportion, but at least once. */
const LEAST_IN_A_MILLION = 1_000;

/** What happened too rarely in so many steps. */
export function missingEvents(coverage: Coverage, steps: number): { readonly event: string; readonly times: number; readonly least: number }[] {
  const least = Math.max(1, Math.floor((LEAST_IN_A_MILLION * steps) / 1_000_000));
  return [...EVENTS, ...COMMANDS.map(({ name }) => `command:${name}`)]
    .map((event) => ({ event, times: coverage.of(event), least }))
    .filter(({ times }) => times < least);
}
