import { availableParallelism, cpus, release, totalmem, type as systemType } from 'node:os';

/** The machine a run was made on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${systemType()} ${release()} ${process.arch}`,
    node: process.versions.node,
  };
}
