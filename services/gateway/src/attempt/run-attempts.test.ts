import { fakeClock } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { SwitchyardError } from '@switchyard/contracts';
import { scriptedWorld } from '../../test/scripted-accounts.ts';
import type { Scripted, ScriptedAccount, ScriptedWorld } from '../../test/scripted-accounts.ts';
import { leavePlace } from '../admission/lease.ts';
import type { Account } from '../choice/account.ts';
import type { Owner } from './owner.ts';
import { LANE_AT } from '../choice/lanes.ts';
import { runAttempts } from './run-attempts.ts';
import type { Committed } from './run-attempts.ts';
import type { AttemptRecord } from '../settle/decision.ts';

const refusal = (status: number, code: string | null = null, more: object = {}): Scripted => ({
  status,
  chunks: [JSON.stringify({ error: { message: 'x', code, ...more } })],
});
const SERVES: Scripted = { status: 200, headers: { 'content-type': 'application/json' }, chunks: ['{"id":"resp_1"}'] };
const REFUSED: Scripted = { fails: 'connect' };
const OVERLOADED = refusal(503, 'slow_down');
const QUOTA = refusal(429, 'usage_limit_reached');

const hard = ({ account }: ScriptedAccount): Owner => ({ account, strength: 'hard' });
const soft = ({ account }: ScriptedAccount): Owner => ({ account, strength: 'soft' });

interface Run {
  readonly committed: Committed | null | SwitchyardError;
  readonly lines: readonly AttemptRecord[];
  readonly stopped: string | undefined;
}

async function run(world: ScriptedWorld, accounts: readonly ScriptedAccount[], owner: Owner | null = null): Promise<Run> {
  const exchange = world.exchange();
  const committed = await runAttempts(exchange, world.pool(...accounts), owner, world.parts).catch((error: unknown) => {
    if (error instanceof SwitchyardError) return error;
    throw error;
  });
  if (committed !== null && !(committed instanceof SwitchyardError)) world.live.finish(committed.account.slot);
  expect([world.live.totalInFlight, world.parts.retries.taken, world.parts.holds.size]).toEqual([0, 0, 0]);
  return { committed, lines: exchange.decision?.attempts ?? [], stopped: exchange.decision?.stopped_by };
}

const statusOf = ({ committed }: Run): number | string | null =>
  committed === null ? null : committed instanceof SwitchyardError ? committed.code : committed.answer.status;

/** The same while a clock runs that nobody else moves. */
async function onClock<T>(clock: ReturnType<typeof fakeClock>, running: Promise<T>): Promise<T> {
  let done = false;
  void running.finally(() => (done = true)).catch(() => {});
  for (let i = 0; !done && i < 40_000; i++) await clock.advance(5);
  return running;
}

test('an owner that is overloaded is asked again after 75, 200 and 500 ms, and nobody else is', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const [owner, other] = [world.account('owner', [OVERLOADED]), world.account('other', [SERVES])];
  const done = await onClock(clock, run(world, [owner, other], hard(owner)));
  expect(statusOf(done)).toBe(503);
  expect([owner.asked(), other.asked()]).toEqual([4, 0]);
  expect(done.lines.map(({ chosen_by, waited_ms, policy, verdict }) => [chosen_by, waited_ms, policy, verdict])).toEqual([
    ['owner', undefined, 'overloaded', 'same_account'],
    ['owner_again', 75, 'overloaded', 'same_account'],
    ['owner_again', 200, 'overloaded', 'same_account'],
    ['owner_again', 500, 'overloaded', 'relayed'],
  ]);
  expect(done.lines.map(({ started_ms }) => started_ms)).toEqual([0, 75, 275, 775]);
});

test('an owner that comes back answers, also one that could not be reached', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const owner = world.account('owner', [REFUSED, refusal(500), SERVES]);
  expect(statusOf(await onClock(clock, run(world, [owner], hard(owner))))).toBe(200);
  expect(owner.asked()).toBe(3);
});

test('an owner that never answers is no answer, after four tries', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const [owner, other] = [world.account('owner', [REFUSED]), world.account('other', [SERVES])];
  const done = await onClock(clock, run(world, [owner, other], hard(owner)));
  expect(statusOf(done)).toBe('upstream_unreachable');
  expect([owner.asked(), other.asked()]).toEqual([4, 0]);
  expect(done.lines.at(-1)!.verdict).toBe('gave_up');
});

test.each([
  ['a quota', QUOTA, 1, 429],
  ['a refused credential', refusal(401), 1, 401],
  ['a silent one', { fails: 'head_timeout' } as Scripted, 1, 'upstream_unreachable'],
  ['what is between client and upstream', refusal(400, 'invalid_prompt'), 1, 400],
  ['a chain that it has forgotten', refusal(400, 'previous_response_not_found'), 2, 400],
])('%s is asked of the owner as often as the table says', async (_name, answer, asked, outcome) => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const [owner, other] = [world.account('owner', [answer]), world.account('other', [SERVES])];
  expect(statusOf(await onClock(clock, run(world, [owner, other], hard(owner))))).toBe(outcome);
  expect([owner.asked(), other.asked()]).toEqual([asked, 0]);
});

test('a chain that the owner finds at the second look goes on', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const owner = world.account('owner', [refusal(404, 'previous_response_not_found'), SERVES]);
  expect(statusOf(await onClock(clock, run(world, [owner], hard(owner))))).toBe(200);
});

test('a client that leaves during a pause ends it at once', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const owner = world.account('owner', [OVERLOADED]);
  const exchange = world.exchange();
  const running = runAttempts(exchange, world.pool(owner), hard(owner), world.parts);
  await clock.advance(10);
  expect(clock.pending).toBe(1);
  exchange.openAt = -1; // as it is settled
  exchange.call!.abort();
  expect(await running).toBeNull();
  expect([clock.pending, owner.asked(), world.live.totalInFlight, world.parts.retries.taken]).toEqual([0, 1, 0, 0]);
});

test('an owner that is known to be out of quota is not asked: the client is told until when', async () => {
  const world = scriptedWorld(fakeClock());
  const owner = world.account('owner', [SERVES]);
  world.live.block(owner.account.slot, 7_200_000, false);
  const { committed, lines } = await run(world, [owner], hard(owner));
  expect(committed).toMatchObject({ code: 'owner_exhausted', retryAfterMs: 7_200_000, resetsAtS: 1_800_007_200 });
  expect([owner.asked(), lines]).toEqual([0, []]);
});

test.each(['overload', 'transport', 'server_error', 'auth'] as const)('a back-off for %s never keeps a conversation from its owner', async (reason) => {
  const world = scriptedWorld(fakeClock());
  const owner = world.account('owner', [SERVES]);
  world.live.failed(owner.account.slot, LANE_AT.responses, reason === 'server_error' ? 'transport' : reason, reason, 7_200_000);
  expect(statusOf(await run(world, [owner], hard(owner)))).toBe(200);
});

test('a block that is nearly over is the owner’s own to tell', async () => {
  const world = scriptedWorld(fakeClock());
  const owner = world.account('owner', [SERVES]);
  world.live.block(owner.account.slot, 60_000, false);
  expect(statusOf(await run(world, [owner], hard(owner)))).toBe(200);
});

test('a soft owner goes first while it can, and is one of many when it cannot', async () => {
  const world = scriptedWorld(fakeClock());
  const [first, owner] = [world.account('a', [SERVES], 1), world.account('b', [SERVES, OVERLOADED, SERVES], 2)];
  const [kept, moved, elsewhere] = [
    await run(world, [first, owner], soft(owner)),
    await run(world, [first, owner], soft(owner)),
    await run(world, [first, owner], soft(owner)),
  ];
  expect([kept, moved, elsewhere].map(({ lines }) => lines.map(({ account, chosen_by }) => `${account} ${chosen_by}`))).toEqual([
    ['b kept'],
    ['b kept', 'a choice'],
    ['a choice'],
  ]);
});

test('a new request is tried at most twelve times, and none is begun after three seconds', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock, () => 1_000);
  const many = Array.from({ length: 20 }, (_, i) => world.account(`a${i}`, [refusal(500)]));
  const twelve = await run(world, many);
  expect([twelve.lines.length, twelve.stopped, statusOf(twelve)]).toEqual([12, 'budget', 500]);

  const slow = Array.from({ length: 20 }, (_, i) => world.account(`s${i}`, [{ ...refusal(500), takesMs: 1_000 }]));
  const timed = await onClock(clock, run(world, slow));
  // The fourth begins at 3.0 s and is not cut short; the fifth would begin at 4.0.
  expect([timed.lines.length, timed.stopped]).toEqual([4, 'budget']);
});

test('a conversation that goes on has twenty-four and twelve seconds', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock, () => 1_000);
  const many = Array.from({ length: 30 }, (_, i) => world.account(`a${i}`, [refusal(500)]));
  expect((await run(world, many, soft(many[0]!))).lines.length).toBe(24);
  const slow = Array.from({ length: 30 }, (_, i) => world.account(`s${i}`, [{ ...refusal(500), takesMs: 1_000 }]));
  expect((await onClock(clock, run(world, slow, soft(slow[0]!)))).lines.length).toBe(13);
});

test('attempts that reach nobody use up no time, and a running one is never cut short', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock, () => 1_000);
  const accounts = [
    ...Array.from({ length: 5 }, (_, i) => world.account(`n${i}`, [{ fails: 'connect_timeout', takesMs: 5_000 } as Scripted], 1)),
    world.account('slow', [{ ...SERVES, takesMs: 60_000 } as Scripted], 2),
  ];
  const done = await onClock(clock, run(world, accounts));
  expect([done.lines.length, statusOf(done)]).toEqual([6, 200]);
});

test('when every account refuses and the budget of all retries is empty, the answer at hand goes to the client', async () => {
  const world = scriptedWorld(fakeClock());
  const accounts = ['a', 'b', 'c'].map((name) => world.account(name, [OVERLOADED]));
  for (let i = 0; i < 3; i++) world.parts.retries.take();
  const exchange = world.exchange();
  const committed = await runAttempts(exchange, world.pool(...accounts), null, world.parts);
  expect(committed!.answer.status).toBe(503);
  expect(exchange.decision).toMatchObject({ stopped_by: 'retry_budget', attempts: [{ verdict: 'relayed' }] });
  expect(world.parts.retries.taken).toBe(3);
});

test.each([
  ['a 401 after a quota', [QUOTA, refusal(401)], 429],
  ['a 401 before a quota', [refusal(401), QUOTA], 429],
  ['a 401 after a broken stream', [{ status: 200, headers: { 'content-type': 'text/event-stream' }, chunks: [], ending: 'reset' }, refusal(401)], 200],
  ['a broken stream after a quota', [QUOTA, { status: 200, headers: { 'content-type': 'text/event-stream' }, chunks: [] }], 429],
  ['no answer after a quota', [QUOTA, REFUSED], 429],
  ['nothing but 401', [refusal(401), refusal(401)], 401],
  ['the later of two refusals', [QUOTA, OVERLOADED], 503],
] as [string, Scripted[], number][])('%s: the client gets the answer that tells most', async (_name, scripts, status) => {
  const world = scriptedWorld(fakeClock());
  const done = await run(
    world,
    scripts.map((script, i) => world.account(`a${i}`, [script], i)),
  );
  expect(statusOf(done)).toBe(status);
  expect(done.lines.filter(({ verdict }) => verdict === 'relayed').map((line) => line.status)).toEqual([status]);
});

test('a refusal too long to be read whole is judged too, and let go when another account serves', async () => {
  const world = scriptedWorld(fakeClock());
  const long = world.account('a', [{ status: 500, chunks: Array.from({ length: 20 }, () => Buffer.alloc(8_192)), turnEach: true }], 1);
  const serving = world.account('b', [SERVES], 2);
  const done = await run(world, [long, serving]);
  expect([statusOf(done), long.aborted()]).toEqual([200, 1]);
});

test('a failed opening is kept until a better answer is there, and stopped when there is, or when the client leaves', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const failed: Scripted = {
    status: 200,
    headers: { 'content-type': 'text/event-stream' },
    chunks: ['data: {"type":"error","code":"server_is_overloaded"}\n\n'],
    ending: 'stays',
  };
  const [failing, serving, slow] = [
    world.account('a', [failed], 1),
    world.account('b', [SERVES], 2),
    world.account('c', [{ ...SERVES, takesMs: 100 } as Scripted], 2),
  ];
  const done = await run(world, [failing, serving]);
  expect(done.lines.map(({ policy, upstream_code }) => [policy, upstream_code])).toEqual([
    ['overloaded', 'server_is_overloaded'],
    [undefined, undefined],
  ]);
  expect([statusOf(done), failing.aborted()]).toEqual([200, 1]);

  world.live.succeeded(failing.account.slot, LANE_AT.responses, null); // or it would not go first again
  const exchange = world.exchange();
  const running = runAttempts(exchange, world.pool(failing, slow), null, world.parts);
  await clock.advance(10);
  expect(slow.asked()).toBe(1);
  exchange.openAt = -1; // as it is settled
  exchange.call!.abort();
  expect(await running).toBeNull();
  expect([failing.aborted(), world.live.totalInFlight]).toEqual([2, 0]);
});

test('an account that is asked again with another credential keeps the place that others wait for', async () => {
  const clock = fakeClock();
  const world = scriptedWorld(clock);
  const only = world.account('a', [refusal(401), SERVES]);
  const one: ScriptedAccount = { ...only, account: { ...only.account, maxInFlight: 1 } };
  const recovered = Promise.withResolvers<Account | null>();
  const parts = { ...world.parts, recover: () => recovered.promise };
  const [exchange, other] = [world.exchange(), world.exchange()];
  const pool = world.pool(one);
  const running = runAttempts(exchange, pool, hard(one), parts);
  await clock.advance(0);
  const waiting = runAttempts(other, pool, hard(one), parts);
  await clock.advance(0);
  expect(only.asked()).toBe(1);
  recovered.resolve(one.account);
  expect((await running)!.answer.status).toBe(200);
  expect(exchange.decision!.attempts.map(({ chosen_by, verdict }) => [chosen_by, verdict])).toEqual([
    ['owner', 'same_account'],
    ['renewed', 'relayed'],
  ]);
  leavePlace(exchange, world.live);
  expect((await waiting)!.answer.status).toBe(200);
  leavePlace(other, world.live);
  expect([world.live.totalInFlight, only.asked()]).toEqual([0, 3]);
});

test('a place at an account of a stand-in pool is waited for when the pool itself has nobody', async () => {
  const world = scriptedWorld(fakeClock());
  const pool = world.standIn(world.account('a', [SERVES]), world.account('b', [SERVES]));
  const [exchange, other] = [world.exchange(), world.exchange()];
  expect((await runAttempts(exchange, pool, null, world.parts))!.account.name).toBe('b');
  const waiting = runAttempts(other, pool, null, world.parts);
  leavePlace(exchange, world.live);
  expect((await waiting)!.account.name).toBe('b');
  expect(other.decision!.attempts.map(({ account, chosen_by }) => [account, chosen_by])).toEqual([['b', 'freed']]);
});
