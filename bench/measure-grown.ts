import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { firstAnswer } from './measure-fresh.ts';
import { requests } from './measure-load.ts';
import type { Bench } from './measure-load.ts';
import type { BindingsReading, ChoiceReading, Reading } from './readings.ts';
import type { Place, Subject } from './subjects/subject.ts';
import { switchyardGrown, switchyardSmall } from './subjects/switchyard.ts';

const program = (name: string): string => fileURLToPath(new URL(`../services/gateway/bench/${name}.ts`, import.meta.url));
const SIZES = [1_000, 1_000_000];
const TABLE_ROUNDS = 3;
const run = promisify(execFile);

/** Looks bindings up in tables of two sizes. */
export async function measureBindings(bench: Bench, core: number | undefined): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (let round = 1; round <= TABLE_ROUNDS; round++) {
    bench.progress(`round ${round}: look-ups of bindings`);
    const result = await runAlone<BindingsReading>(core, program('bindings'), ...SIZES.map(String));
    readings.push({ round, measure: 'bindings', subject: 'switchyard', result });
  }
  return readings;
}

/** Chooses among few and many accounts. */
export async function measureChoice(bench: Bench, core: number | undefined): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (let round = 1; round <= TABLE_ROUNDS; round++) {
    bench.progress(`round ${round}: choices`);
    readings.push({ round, measure: 'choice', subject: 'switchyard', result: await runAlone<ChoiceReading>(core, program('choice')) });
  }
  return readings;
}

/** What a program of ours prints that measures a part of the gateway by itself, on the subject's core. */
async function runAlone<T>(core: number | undefined, ...words: readonly string[]): Promise<T> {
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
  const [command, ...args] = [...pinned, process.execPath, '--expose-gc', ...words] as [string, ...string[]];
  const { stdout } = await run(command, args);
  return JSON.parse(stdout) as T;
}

/**
 * The same requests to two of ours that run side by side: one that holds little, one after long use. And how long the latter takes to be
 * there again.
 */
export async function measureGrown(bench: Bench, place: (subject: Subject) => Place): Promise<Reading[]> {
  const readings: Reading[] = [];
  await using together = new AsyncDisposableStack();
  const entrants: { readonly subject: Subject; readonly running: Awaited<ReturnType<Subject['start']>> }[] = [];
  for (const subject of [switchyardSmall, switchyardGrown]) {
    bench.progress(`filling ${subject.name}`);
    await (await subject.start(place(subject))).end();
    const running = await subject.start(place(subject));
    together.defer(() => running.end());
    const firstAnswerMs = running.startMs + (await firstAnswer(running));
    readings.push({ round: 1, measure: 'restart', subject: subject.name, result: { readyMs: running.startMs, firstAnswerMs } });
    entrants.push({ subject, running });
  }
  for (let round = 0; round <= bench.plan.rounds; round++) {
    const { windowMs, warmMs } = bench.plan;
    const timed = { ...bench, plan: { ...bench.plan, windowMs: round === 0 ? warmMs : windowMs } };
    for (const { subject, running } of round % 2 === 0 ? entrants : entrants.toReversed()) {
      bench.progress(`round ${round}: unary through ${subject.name}`);
      const result = await requests(timed, 'unary', running.chat, running.pid);
      if (round > 0) readings.push({ round, measure: 'grown', subject: subject.name, result });
    }
  }
  return readings;
}
