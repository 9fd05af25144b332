import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryHome } from '@switchyard/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isUsed, useServer, whenUnused } from './server-users.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a server is used while a living process says so', async () => {
  await using home = await temporaryHome();
  expect(isUsed(home.path)).toBe(false);
  {
    using _use = useServer(home.path);
    expect(isUsed(home.path)).toBe(true);
  }
  expect(isUsed(home.path)).toBe(false);
});

test('a process that was killed does not keep it', async () => {
  await using home = await temporaryHome();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  useServer(home.path, pid);
  expect(isUsed(home.path)).toBe(false);
  expect(readdirSync(join(home.path, 'run', 'users'))).toEqual([]);
});

test('the end is told once, when two looks in a row have found nobody', async () => {
  await using home = await temporaryHome();
  const first = useServer(home.path);
  const ended = vi.fn<() => void>();
  using _watch = whenUnused(home.path, ended);
  vi.advanceTimersByTime(2_000);
  first[Symbol.dispose]();
  vi.advanceTimersByTime(500);
  const second = useServer(home.path);
  vi.advanceTimersByTime(2_000);
  expect(ended).not.toHaveBeenCalled();
  second[Symbol.dispose]();
  vi.advanceTimersByTime(5_000);
  expect(ended).toHaveBeenCalledOnce();
});
