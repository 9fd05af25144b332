import { recordingLogger } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import type { NewIncident } from '../../store/incidents.ts';
import type { IncidentSample } from './incident-rules.ts';
import { IncidentWatch } from './incident-watch.ts';

const CALM: IncidentSample = {
  isDatabaseUp: true,
  conflicts: 0,
  waits: { durable: 0, late: 0 },
  journalLost: 0,
  retriesRefused: 0,
  leasesReclaimed: 0,
  loggedOut: [],
  accounts: 2,
  blocked: 1,
};

function open() {
  const rows: (NewIncident & { closedAtMs: number | null })[] = [];
  const world = { nowMs: 1_000_000, isUp: true, fails: false };
  const log = recordingLogger();
  const watch = new IncidentWatch({
    store: {
      open: async (incident) => {
        if (world.fails) throw new Error('no');
        return BigInt(rows.push({ ...incident, closedAtMs: null }) - 1);
      },
      close: async (id, closedAtMs, evidence) => {
        rows[Number(id)] = { ...rows[Number(id)]!, closedAtMs, evidence };
      },
    },
    isAvailable: () => world.isUp,
    instanceId: 'inst_1',
    log,
    wallClockMs: () => world.nowMs,
  });
  const look = async (changed: Partial<IncidentSample> = {}, afterMs = 5_000): Promise<void> => {
    world.nowMs += afterMs;
    await watch.look({ ...CALM, ...changed });
  };
  return { rows, world, log, look, close: () => watch.close() };
}

test.each<[string, Partial<IncidentSample>, Partial<IncidentSample>, RegExp]>([
  ['binding_conflict', {}, { conflicts: 2 }, /two accounts claim: 2/],
  ['all_blocked', {}, { blocked: 2 }, /None of 2 accounts/],
  ['login_lost', {}, { loggedOut: ['c1'] }, /needed: c1/],
  ['late_bindings', { waits: { durable: 1_000, late: 0 } }, { waits: { durable: 1_090, late: 10 } }, /10 of 100/],
  ['journal_lost', { journalLost: 1 }, { journalLost: 2 }, /2 since the start/],
  ['lease_reclaimed', {}, { leasesReclaimed: 1 }, /1 since the start/],
])('%s is opened when it is seen, and closed a minute after it was seen last', async (kind, before, now, evidence) => {
  const { rows, look, log } = open();
  await look(before);
  expect(rows).toEqual([]);
  await look({ ...before, ...now });
  expect(rows).toMatchObject([{ kind, instanceId: 'inst_1', openedAtMs: 1_010_000, closedAtMs: null, evidence: expect.stringMatching(evidence) as string }]);
  const calm = { ...before, ...now, conflicts: 0, blocked: 1, loggedOut: [] };
  for (let i = 0; i < 12; i++) await look(calm);
  expect(rows).toMatchObject([{ closedAtMs: 1_010_000 }]);
  expect(log.records.map(({ event }) => event)).toEqual(['incident_opened', 'incident_closed']);
});

test('what lasts is one incident, however often it is seen', async () => {
  const { rows, look } = open();
  for (let i = 0; i < 50; i++) await look({ conflicts: i % 3 === 0 ? 0 : 1 });
  expect(rows).toHaveLength(1);
});

test('retries that are refused are an incident only when they have been for a minute', async () => {
  const { rows, look } = open();
  let refused = 0;
  for (let i = 0; i < 11; i++) await look({ retriesRefused: refused++ });
  expect(rows).toEqual([]);
  for (let i = 0; i < 4; i++) await look({ retriesRefused: refused++ });
  expect(rows).toMatchObject([{ kind: 'retries_refused' }]);
});

test('what is open when the watch ends is closed with it, at the moment at which it was seen last', async () => {
  const { rows, look, close } = open();
  await look({ loggedOut: ['c1'] });
  await look({ loggedOut: ['c1'], conflicts: 1 });
  await look({ conflicts: 1 });
  await close();
  expect(rows).toMatchObject([
    { kind: 'login_lost', closedAtMs: 1_010_000 },
    { kind: 'binding_conflict', closedAtMs: 1_015_000 },
  ]);
});

test('a few answers that were late are none', async () => {
  const { rows, look } = open();
  await look();
  await look({ waits: { durable: 10, late: 5 } });
  await look({ waits: { durable: 210, late: 7 } });
  expect(rows).toEqual([]);
});

test('what went wrong while the database was away is written when it is back, with when it was', async () => {
  const { rows, look, world } = open();
  world.isUp = false;
  await look({ isDatabaseUp: false });
  for (let i = 0; i < 20; i++) await look({ isDatabaseUp: false });
  expect(rows).toEqual([]);
  for (let i = 0; i < 13; i++) await look();
  world.isUp = true;
  world.fails = true;
  await look();
  expect(rows).toEqual([]);
  world.fails = false;
  await look();
  expect(rows).toMatchObject([{ kind: 'database_away', openedAtMs: 1_005_000, closedAtMs: 1_105_000 }]);
});
