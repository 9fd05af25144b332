import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { firstAnswer } from './measure-fresh.ts';
import { requests } from './measure-load.ts';
import type { Bench } from './measure-load.ts';
import type { BindingsReading, Reading } from './readings.ts';
import type { Place, Subject } from './subjects/subject.ts';
import { switchyardGrown, switchyardSmall } from './subjects/switchyard.ts';

const LOOKUPS = fileURLToPath(new URL('../services/gateway/bench/bindings.ts', import.meta.url));
const SIZES = [1_000, 1_000_000];
const TABLE_ROUNDS = 3;
const run = promisify(execFile);

/** Looks bindings up in tables of two sizes, in a process of its own on the subject's core. */
export async function measureBindings(bench: Bench, core: number | undefined): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (let round = 1; round <= TABLE_ROUNDS; round++) {
    bench.progress(`round ${round}: look-ups of bindings`);
    const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
    const [command, ...args] = [...pinned, process.execPath, '--expose-gc', LOOKUPS, ...SIZES.map(String)] as [string, ...string[]];
    const { stdout } = await run(command, args);
    readings.push({ round, measure: 'bindings', subject: 'switchyard', result: JSON.parse(stdout) as BindingsReading });
  }
  return readings;
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
