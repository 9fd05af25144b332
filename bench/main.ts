/**
 * `npm run bench`: measures floors, peer and ours side by side and writes `results/<date>-<commit>.json` and `.md`.
 * `bench/README.md` tells the method. Exit code 1 when an answer of a floor or of ours was wrong, 2 for a bad argument.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { workOutBoard } from './board.ts';
import { endChildren } from './machine/child.ts';
import type { Child } from './machine/child.ts';
import { describeMachine } from './machine/describe-machine.ts';
import { keepAwake } from './machine/keep-awake.ts';
import { programVersion } from './machine/program-version.ts';
import { startLoad, startMock } from './machine/worker.ts';
import { measureFresh } from './measure-fresh.ts';
import { measureOverload } from './measure-overload.ts';
import { measureLoad, warmUp } from './measure-load.ts';
import type { Bench, Entrant } from './measure-load.ts';
import { measureBindings, measureChoice, measureGrown } from './measure-grown.ts';
import { readPlan } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Reading } from './readings.ts';
import type { ResultDocument } from './report/document.ts';
import { findFaults } from './report/faults.ts';
import { renderMarkdown } from './report/markdown.ts';
import { bareNode } from './subjects/bare-node.ts';
import { haproxy } from './subjects/haproxy.ts';
import { nginx } from './subjects/nginx.ts';
import { portkey } from './subjects/portkey.ts';
import type { Place, Subject } from './subjects/subject.ts';
import { switchyard } from './subjects/switchyard.ts';

const SUBJECTS: readonly Subject[] = [nginx, haproxy, bareNode, portkey, switchyard];

/** Measured of processes that run for nothing else. */
const APART: ReadonlySet<string> = new Set(['choice', 'bindings', 'grown', 'overload']);

const startedAt = new Date();
const elapsed = (): number => (Date.now() - startedAt.getTime()) / 1000;
const progress = (text: string): void => {
  process.stderr.write(`[${elapsed().toFixed(0).padStart(4)} s] ${text}\n`);
};

/** Measures; everything it starts has ended when it returns or throws. */
async function run(plan: Plan, folder: string): Promise<ResultDocument> {
  const pinned = availableParallelism() > 1 && (await programVersion('taskset', ['--version']).then(Boolean, () => false));
  const [driverCore, subjectCore] = pinned ? [0, 1] : [undefined, undefined];
  const versions: Record<string, string> = {};
  const skipped: Record<string, string> = {};
  const present: Subject[] = [];
  for (const name of plan.subjects) {
    const subject = SUBJECTS.find((known) => known.name === name) as Subject;
    progress(`preparing ${name}`);
    try {
      versions[name] = (await subject.prepare()).version;
      present.push(subject);
    } catch (error) {
      skipped[name] = (error as Error).message;
      progress(`${name} is skipped: ${skipped[name]}`);
    }
  }

  await using started = new AsyncDisposableStack();
  const mock = await startMock(driverCore, join(folder, 'mock.log'));
  started.defer(() => mock.child.end());
  const load = await startLoad(driverCore, join(folder, 'load.log'));
  started.defer(() => load.child.end());
  const idlers: Child[] = [];
  for (const core of [driverCore, subjectCore]) {
    const idler = core === undefined ? null : await keepAwake(core, join(folder, `keep-awake-${core}.log`));
    if (idler === null) continue;
    started.defer(() => idler.end());
    idlers.push(idler);
  }
  const bench: Bench = { plan, mock, load, progress, idlers: idlers.map(({ pid }) => pid) };
  const warming: Bench = { ...bench, plan: { ...plan, windowMs: plan.warmMs } };
  const discarding: Bench = { ...bench, plan: { ...plan, windowMs: plan.discardMs } };
  const place = (subject: Subject): Place => ({ upstreamPort: mock.port, core: subjectCore, folder: join(folder, subject.name) });

  const enough = (mayStop: boolean): boolean => {
    if (!mayStop || plan.enoughSeconds === undefined || elapsed() < plan.enoughSeconds) return false;
    skipped['further rounds'] = `${plan.enoughSeconds} s were over`;
    return true;
  };
  const keptAwake = idlers.length > 0;
  const readings: Reading[] = [];
  const isDriven = present.length > 0 && plan.measures.some((measure) => !APART.has(measure));
  for (let done = 0; isDriven && done < plan.rounds && !enough(done > 0); done += plan.roundsPerStart) {
    await using together = new AsyncDisposableStack();
    const entrants: Entrant[] = [];
    for (const subject of present) {
      progress(`starting ${subject.name}`);
      const running = await subject.start(place(subject));
      together.defer(() => running.end());
      entrants.push({ subject, running });
    }
    await warmUp(warming, entrants);
    await measureLoad(discarding, entrants, 0);
    for (let round = done + 1; round <= Math.min(done + plan.roundsPerStart, plan.rounds) && !enough(round > 1); round++) {
      const shift = round % entrants.length;
      readings.push(...(await measureLoad(bench, [...entrants.slice(shift), ...entrants.slice(0, shift)], round)));
    }
  }

  if (plan.measures.includes('open-streams') || plan.measures.includes('start')) {
    for (const { streams, rounds, peers } of plan.openStreams) {
      for (let round = 1; round <= rounds; round++) {
        if (enough(true)) break;
        for (const subject of present.filter(({ role }) => peers || role !== 'peer'))
          readings.push(...(await measureFresh(bench, subject, place(subject), streams, round)));
      }
    }
  }

  if (present.some(({ name }) => name === 'switchyard')) {
    if (plan.measures.includes('choice')) readings.push(...(await measureChoice(bench, subjectCore)));
    if (plan.measures.includes('bindings')) readings.push(...(await measureBindings(bench, subjectCore)));
    if (plan.measures.includes('overload'))
      readings.push(...(await measureOverload(bench, { upstreamPort: mock.port, core: subjectCore, folder: join(folder, 'overload') })));
    if (plan.measures.includes('grown')) readings.push(...(await measureGrown(bench, place)));
  }

  return {
    format: 'switchyard-bench-1',
    startedAt: startedAt.toISOString(),
    seconds: elapsed(),
    commit: git('rev-parse', '--short=12', 'HEAD'),
    changed: git('status', '--porcelain', '--untracked-files=no') !== '',
    machine: describeMachine(),
    method: { subjectCore: subjectCore ?? null, driverCore: driverCore ?? null, keptAwake, plan },
    versions,
    skipped,
    board: workOutBoard(readings),
    faults: findFaults(readings),
    readings,
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

/** Keeps what an earlier run on the same commit has written: the second file gets `-2`, and so on. */
function freeName(base: string): string {
  for (let run = 1; ; run++) {
    const name = run === 1 ? base : `${base}-${run}`;
    if (!existsSync(`${name}.json`)) return name;
  }
}

let plan: Plan;
try {
  plan = readPlan(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    progress('stopped: ending what was started');
    void endChildren().finally(() => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(130);
    });
  });
}

try {
  const document = await run(plan, folder);
  const page = renderMarkdown(document);
  const results = plan.results ?? join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const file = freeName(join(results, `${document.startedAt.slice(0, 10)}-${document.commit}`));
  writeFileSync(`${file}.json`, `${JSON.stringify(document, null, 1)}\n`);
  writeFileSync(`${file}.md`, page);
  process.stdout.write(page);
  progress(`written: ${file}.json and .md`);
  rmSync(folder, { recursive: true, force: true });
  if (document.faults.some(({ subject }) => subject !== 'portkey')) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\nThe logs are in ${folder}\n`);
  process.exitCode = 1;
}
