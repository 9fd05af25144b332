import { fileURLToPath } from 'node:url';
import type { Job, JobResult } from '../load/main.ts';
import type { MockQuestion, MockStats } from '../mock/main.ts';
import { logTail, startChild } from './child.ts';
import type { Child } from './child.ts';

/** The mock upstream, running. */
export interface Mock {
  readonly child: Child;
  readonly port: number;
  readonly creditPort: number;
  stats(): Promise<MockStats>;
  /** Breaks off what still runs. @returns how many streams that were */
  endStreams(): Promise<number>;
}

/** The load generator, running. */
export interface Load {
  readonly child: Child;
  /** Runs one job. @throws Error when the generator fails, or has not answered after `timeoutMs`. */
  run<J extends Job>(job: J, timeoutMs?: number): Promise<Extract<JobResult, { kind: J['kind'] }>>;
}

/** Starts the mock on a core. */
export async function startMock(core: number | undefined, logFile: string): Promise<Mock> {
  const child = await startProgram('mock', '../mock/main.ts', core, logFile);
  const { port, creditPort } = await reply<{ port: number; creditPort: number }>(child, logFile, 20_000);
  const ask = <T>(question: MockQuestion): Promise<T> => {
    child.process.send(question);
    return reply<T>(child, logFile, 20_000);
  };
  return { child, port, creditPort, stats: () => ask('stats'), endStreams: () => ask('end-streams') };
}

/** Starts the load generator on a core. */
export async function startLoad(core: number | undefined, logFile: string): Promise<Load> {
  const child = await startProgram('load generator', '../load/main.ts', core, logFile);
  return {
    child,
    run: async <J extends Job>(job: J, timeoutMs = 120_000) => {
      child.process.send(job);
      const answer = await reply<JobResult | { kind: 'failed'; message: string }>(child, logFile, timeoutMs);
      if (answer.kind === 'failed') throw new Error(`The ${job.kind} load failed: ${answer.message}`);
      return answer as Extract<JobResult, { kind: J['kind'] }>;
    },
  };
}

function startProgram(name: string, file: string, core: number | undefined, logFile: string): Promise<Child> {
  const program = fileURLToPath(new URL(file, import.meta.url));
  return startChild({ name, command: process.execPath, args: [program], core, logFile, messages: true });
}

/** The next message of a child. */
function reply<T>(child: Child, logFile: string, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      child.process.off('message', onMessage);
    };
    const fail = (why: string): void => {
      settle();
      reject(new Error(`The ${child.name} ${why}. Its log ends with:\n${logTail(logFile)}`));
    };
    const onMessage = (message: unknown): void => {
      settle();
      resolve(message as T);
    };
    const timer = setTimeout(() => fail(`has not answered after ${timeoutMs / 1000} s`), timeoutMs);
    child.process.on('message', onMessage);
    void child.exited.then(() => fail('ended'));
  });
}
