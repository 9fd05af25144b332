import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { programVersion } from './program-version.ts';

/**
 * Keeps a core from falling asleep, with a program that the kernel runs only when nothing else wants the core (`SCHED_IDLE`). Without it
 * whoever wakes a sleeping core of a virtual machine pays for it, more often the slower the subject: the figures of bare Node varied less with
 * it.
 * @returns null where there is no `chrt`
 */
export async function keepAwake(core: number, logFile: string): Promise<Child | null> {
  const hasChrt = await programVersion('chrt', ['--version']).then(Boolean, () => false);
  return hasChrt ? startChild({ name: 'keep-awake', command: 'chrt', args: ['--idle', '0', process.execPath, '-e', 'for (;;);'], core, logFile }) : null;
}
