import type { Binding, SessionBindings } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { table } from './table.ts';
import { grouped, moment, plural, visible } from './words.ts';

// What ids are ids of. A kind that is missing here is a newer server's, and is shown as it is.
const KINDS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  response: ['response', 'responses'],
  turn_state: ['turn', 'turns'],
  session: ['session', 'sessions'],
  lineage_session: ['compacted session', 'compacted sessions'],
  lineage_turn: ['compacted turn', 'compacted turns'],
  call: ['call', 'calls'],
  encrypted: ['sealed item', 'sealed items'],
  file: ['file', 'files'],
  conversation: ['conversation object', 'conversation objects'],
  cache: ['cache key', 'cache keys'],
};

const STATES: Readonly<Record<Binding['state'], string>> = {
  warm: 'bound',
  verified: 'bound, and taken by its account since',
  suspect: 'denied by its account once, just now',
  dead: 'given up; it may go anywhere',
  conflict: 'claimed by two accounts, so none of them is asked',
};

/** How many ids are bound, by what they are ids of, and below that those that two accounts claim. */
export function sessionsTable({ kinds, conflicts }: SessionBindings, emphasise?: Emphasis): string {
  const counts = table(
    [{ title: 'WHAT' }, ...['KNOWN', 'AT MOST', 'TAKEN SINCE', 'SUSPECT', 'GIVEN UP', 'CONFLICTS'].map((title) => ({ title, numeric: true as const }))],
    kinds.map((row) => {
      const known = row.warm + row.verified + row.suspect;
      return [KINDS[row.kind]?.[1] ?? row.kind, ...[known, row.limit, row.verified, row.suspect, row.dead, row.conflict].map(grouped)];
    }),
    emphasise,
  );
  if (conflicts.length === 0) return counts;
  return `${counts}\n${plural(conflicts.length, 'id')} that two accounts claim; \`switchyard sessions forget DIGEST\` ends it:\n${bindingLines(conflicts)}`;
}

/** What ids are bound to, a line each. */
export function bindingLines(bindings: readonly Binding[]): string {
  return bindings.map((binding) => `  ${visible(bindingText(binding))}\n`).join('');
}

function bindingText({ kind, digest, state, account, account_id: accountId, key, key_id: keyId, used_at: usedAt, moves }: Binding): string {
  const owner = accountId === null ? '' : state === 'dead' ? '' : `, ${account ?? `${accountId} (removed)`}`;
  const whose = keyId === null ? '' : `, of the key ${key === null ? `${keyId} (gone)` : `"${key}"`}`;
  const moved = moves === 0 ? '' : `, moved ${moves === 1 ? 'once' : `${grouped(moves)} times`}`;
  return `${KINDS[kind]?.[0] ?? kind} ${digest}${owner}${whose}: ${STATES[state]}${moved}; last used ${moment(usedAt)} UTC`;
}
