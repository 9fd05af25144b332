import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { openDatabases } from './databases.ts';
import { openWorld } from './open-world.ts';
import { missingEvents } from './required-events.ts';
import { openResults } from './results.ts';
import { CASE_STEPS, replay, runCase } from './run-case.ts';
import { shrink } from './shrink.ts';
import { runSlice } from './slice.ts';
import type { Slice } from './slice.ts';
import { tellCase } from './tell-case.ts';
import { startWalkers } from './walkers.ts';

// The model for as long as it takes: `--steps` in slices, each written down when it is whole, so that a run goes on where the last one
// ended. `--seed N` runs one case and, when something is wrong in it, finds the fewest steps that show it.

const SLICE_STEPS = 2_000;
/** More than the cases of a slice, so that no two slices walk the same. */
const SEEDS_APART = 1_000;
/** A server takes a hundred connections, and a world with two gateways has eleven. */
const MOST_WORLDS = 8;
const root = fileURLToPath(new URL('../../../', import.meta.url));

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000000' },
    minutes: { type: 'string', default: '180' },
    processes: { type: 'string', default: String(Math.min(MOST_WORLDS, availableParallelism())) },
    // Of each process: while one waits for its database, another walks.
    worlds: { type: 'string' },
    seed: { type: 'string' },
    show: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    'case-steps': { type: 'string', default: String(CASE_STEPS) },
    first: { type: 'string', default: '0' },
  },
});

const worldsOf = (processes: number): number => Number(values.worlds ?? Math.max(1, Math.floor(MOST_WORLDS / processes)));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

await using stack = new AsyncDisposableStack();
const databases = stack.use(await openDatabases());
let stopping = false;
let stop = (): void => void (stopping = true);
process.on('SIGINT', () => stop()).on('SIGTERM', () => stop());

function report({ violations }: Pick<Slice, 'violations'>): void {
  for (const { oracle, what, seed } of violations.slice(0, 10)) say(`violation of ${oracle} (--seed ${seed}): ${what}`);
}

async function runOne(seed: number): Promise<void> {
  const world = await openWorld(databases, stack);
  const { steps, violations, history } = await runCase(world, seed, Number(values['case-steps']), () => stopping);
  if (values.show) {
    for (const line of tellCase({ steps, history })) say(line);
    for (const { level, event, message, fields } of world.gateways.log)
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

/** What the time of all worlds went by in, what took most first. */
function tellSpent(spent: Coverage, counts: Coverage): void {
  const all = Object.entries(spent.all()).sort(([, a], [, b]) => b - a);
  const sum = all.reduce((total, [, ms]) => total + ms, 0);
  for (const [what, ms] of all) {
    const times = counts.of(`command:${what}`);
    say(
      `${what.padEnd(20)} ${String(ms).padStart(10)} ms ${((ms / sum) * 100).toFixed(1).padStart(5)} %${times === 0 ? '' : ` ${(ms / times).toFixed(1).padStart(8)} ms each`}`,
    );
  }
}

async function runAll(): Promise<void> {
  const results = openResults(root);
  const wanted = Number(values.steps);
  const untilMs = performance.now() + Number(values.minutes) * 60_000;
  const total = (): number => results.slices.reduce((sum, { steps }) => sum + steps, 0);
  const isWrong = (): boolean => !values['keep-going'] && results.slices.some(({ violations }) => violations.length > 0);
  const processes = Number(values.processes);
  const beganMs = performance.now();
  const before = total();
  let last = Math.max(-1, ...results.slices.map(({ slice }) => slice));
  /** Steps that are being walked, by slice. */
  const given = new Map<number, number>();
  if (!stopping && !isWrong()) {
    const walkers = startWalkers({
      processes,
      worlds: worldsOf(processes),
      databaseUrl: databases.url,
      next() {
        const left = wanted - total() - given.values().reduce((sum, steps) => sum + steps, 0);
        if (left <= 0 || performance.now() > untilMs) return null;
        const job = { slice: ++last, seed: Number(values.first) + last * SEEDS_APART, steps: Math.min(SLICE_STEPS, left) };
        given.set(job.slice, job.steps);
        return job;
      },
      onSlice(slice) {
        given.delete(slice.slice);
        results.add(slice);
        const rate = ((total() - before) / (performance.now() - beganMs)) * 1_000;
        say(`slice ${slice.slice}: ${slice.steps} steps in ${Math.round(slice.ms / 1_000)} s; ${total()} of ${wanted}, ${Math.round(rate)}/s in all`);
        report(slice);
        if (slice.seen.length > 0) say(`what was seen: ${relative(root, results.keepCase(slice))}`);
        if (isWrong()) walkers.stop();
      },
    });
    stop = walkers.stop;
    await walkers.over;
  }
  const counts = new Coverage();
  const spent = new Coverage();
  for (const slice of results.slices) counts.add(slice.counts);
  for (const slice of results.slices) spent.add(slice.spent);
  for (const [event, times] of Object.entries(counts.all())) say(`${event.padEnd(40)} ${times}`);
  tellSpent(spent, counts);
  const violations = results.slices.flatMap((slice) => slice.violations);
  const missing = total() < wanted ? [] : missingEvents(counts, wanted);
  for (const { event, times, least } of missing) say(`too rare: ${event} happened ${times} times; ${least} are wanted`);
  report({ violations });
  say(`${total()} of ${wanted} steps, ${violations.length} violations; ${results.slices.length === 0 ? 'nothing' : relative(root, results.summarise(wanted))}`);
  if (violations.length > 0 || missing.length > 0) process.exitCode = 1;
}

/** For a mutant: no file, and over with the first violation. */
async function runQuick(): Promise<void> {
  const worlds = await Promise.all(Array.from({ length: worldsOf(2) }, () => openWorld(databases, stack)));
  const steps = Math.ceil(Number(values.steps) / worlds.length);
  const beganMs = performance.now();
  const slices = await Promise.all(
    worlds.map(async (world, slice) => {
      const done = await runSlice(world, { slice, seed: Number(values.first) + slice * SEEDS_APART, steps }, () => stopping);
      if (done.violations.length > 0) stopping = true;
      return done;
    }),
  );
  const violations = slices.flatMap((slice) => slice.violations);
  report({ violations });
  say(`${slices.reduce((sum, slice) => sum + slice.steps, 0)} steps in ${Math.round(performance.now() - beganMs)} ms, ${violations.length} violations`);
  if (violations.length > 0) process.exitCode = 1;
}

if (values.seed !== undefined) await runOne(Number(values.seed));
else if (values.quick) await runQuick();
else await runAll();
