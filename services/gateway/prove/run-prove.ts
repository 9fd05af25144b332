import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { temporaryHome } from '@switchyard/testkit';
import { Coverage } from './coverage.ts';
import type { History, Violation } from './history.ts';
import { openDatabases } from './databases.ts';
import { CASE_STEPS, replay, runCase } from './run-case.ts';
import type { CaseResult } from './run-case.ts';
import { shrink } from './shrink.ts';
import { missingEvents } from './required-events.ts';
import { World } from './world.ts';

// The model for as long as it takes: `--steps` in slices, each written down when it is whole, so that a run goes on where the last one
// ended. `--seed N` runs one case and, when something is wrong in it, finds the fewest steps that show it.

const SLICE_STEPS = 20_000;
const root = fileURLToPath(new URL('../../../', import.meta.url));
const results = join(root, 'prove/results');

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000000' },
    minutes: { type: 'string', default: '55' },
    worlds: { type: 'string', default: '4' },
    seed: { type: 'string' },
    show: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    'case-steps': { type: 'string', default: String(CASE_STEPS) },
    first: { type: 'string', default: '0' },
  },
});

interface Slice {
  readonly slice: number;
  readonly seed: number;
  readonly steps: number;
  readonly ms: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly (Violation & { readonly seed: number })[];
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

await using stack = new AsyncDisposableStack();
const databases = stack.use(await openDatabases());
let stopping = false;
process.once('SIGINT', () => (stopping = true)).once('SIGTERM', () => (stopping = true));

async function openWorld(coverage: Coverage): Promise<World & AsyncDisposable> {
  const home = stack.use(await temporaryHome());
  const world = stack.use(new World({ connection: await databases.make(), home: home.path, coverage }));
  await world.open();
  return world;
}

/** Cases one after the other until so many steps are done or something is wrong; several worlds at once, so that none waits for its database. */
async function runSlice(worlds: readonly World[], slice: number, most: number): Promise<Slice> {
  const coverage = worlds[0]!.coverage;
  coverage.clear();
  const beganMs = performance.now();
  const violations: Slice['violations'][number][] = [];
  const firstSeed = Number(values.first) + slice * 100_000;
  let seed = firstSeed;
  let steps = 0;
  const work = async (world: World): Promise<void> => {
    while (steps < most && violations.length === 0 && !stopping) {
      const own = seed++;
      const result: CaseResult = await runCase(world, own, CASE_STEPS);
      steps += result.steps.length;
      violations.push(...result.violations.map((violation) => ({ ...violation, seed: own })));
    }
    await world.sweep();
  };
  await Promise.all(worlds.map(work));
  return { slice, seed: firstSeed, steps, ms: Math.round(performance.now() - beganMs), counts: coverage.all(), violations };
}

function report({ violations }: Pick<Slice, 'violations'>): void {
  for (const { oracle, what, seed } of violations.slice(0, 10)) say(`violation of ${oracle} (--seed ${seed}): ${what}`);
}

/** Everything that was seen since the last look before something was wrong. */
function show(steps: CaseResult['steps'], { requests, attempts, rows }: History): void {
  for (const { command, seed } of steps) say(`${command} ${seed}`);
  const seen = [
    ...requests.map((request) => ({ at: request.sentAt, ...request, received: undefined })),
    ...attempts.map((attempt) => ({ at: attempt.arrivedAt, ...attempt, sent: undefined })),
  ].sort((a, b) => a.at - b.at);
  for (const each of [...seen, ...(rows ?? [])]) say(JSON.stringify(each));
}

async function runOne(seed: number): Promise<void> {
  const world = await openWorld(new Coverage());
  const { steps, violations, history } = await runCase(world, seed, Number(values['case-steps']));
  if (values.show) {
    show(steps, history);
    for (const { level, event, message, fields } of world.log)
      if (level === 'error' || level === 'critical') say(`${event}: ${message} ${String(fields['error'])}`);
  }
  report({ violations: violations.map((violation) => ({ ...violation, seed })) });
  say(`${steps.length} steps, ${violations.length} violations`);
  if (violations.length === 0) return;
  process.exitCode = 1;
  if (!values.shrink) return;
  const fewest = await shrink(steps, (some) => replay(world, some));
  say(fewest.map(({ command, seed: own }) => `${command} ${own}`).join('\n'));
  report({ violations: (await replay(world, fewest)).violations.map((violation) => ({ ...violation, seed })) });
}

/** Slices of this commit that are done. */
function done(file: string): Slice[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Slice);
}

async function runAll(): Promise<void> {
  const commit = git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', '--', 'services/gateway', 'packages') === '' ? '' : '-changed');
  mkdirSync(results, { recursive: true });
  const file = join(results, `${commit}.jsonl`);
  const slices = done(file);
  const wanted = Number(values.steps);
  const untilMs = performance.now() + Number(values.minutes) * 60_000;
  const coverage = new Coverage();
  const worlds = await Promise.all(Array.from({ length: Number(values.worlds) }, () => openWorld(coverage)));
  const total = (): number => slices.reduce((sum, { steps }) => sum + steps, 0);
  while (total() < wanted && performance.now() < untilMs && !stopping && slices.every(({ violations }) => violations.length === 0)) {
    const slice = await runSlice(worlds, slices.length, Math.min(SLICE_STEPS, wanted - total()));
    if (stopping && slice.violations.length === 0) break;
    slices.push(slice);
    appendFileSync(file, `${JSON.stringify(slice)}\n`);
    say(
      `slice ${slice.slice}: ${slice.steps} steps in ${Math.round(slice.ms / 1_000)} s (${Math.round((slice.steps / slice.ms) * 1_000)}/s), ${total()} of ${wanted}`,
    );
    report(slice);
  }
  const all = new Coverage();
  for (const { counts } of slices) all.add(counts);
  const violations = slices.flatMap((slice) => slice.violations);
  for (const [event, times] of Object.entries(all.all())) say(`${event.padEnd(32)} ${times}`);
  say(`${total()} of ${wanted} steps, ${violations.length} violations; ${file}`);
  const missing = total() < wanted ? [] : missingEvents(all, wanted);
  for (const { event, times, least } of missing) say(`too rare: ${event} happened ${times} times; ${least} are wanted`);
  report({ violations });
  if (violations.length > 0 || missing.length > 0) process.exitCode = 1;
}

/** For a mutant: no file, and over with the first violation. */
async function runQuick(): Promise<void> {
  const coverage = new Coverage();
  const worlds = await Promise.all(Array.from({ length: Number(values.worlds) }, () => openWorld(coverage)));
  const slice = await runSlice(worlds, 0, Number(values.steps));
  report(slice);
  say(`${slice.steps} steps in ${slice.ms} ms, ${slice.violations.length} violations`);
  if (slice.violations.length > 0) process.exitCode = 1;
}

if (values.seed !== undefined) await runOne(Number(values.seed));
else if (values.quick) await runQuick();
else await runAll();
