import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fakeCli } from './fixtures/fake-cli.ts';
import { withProgress } from './with-progress.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test.each([
  { tty: true, silentMs: 249 },
  { tty: false, silentMs: 999 },
])('work is spoken of once it takes long (terminal: $tty)', async ({ tty, silentMs }) => {
  const cli = fakeCli({ tty });
  const { promise, resolve } = Promise.withResolvers<string>();
  const work = withProgress(cli, 'Starting …', promise);
  vi.advanceTimersByTime(silentMs);
  expect(cli.errText()).toBe('');
  vi.advanceTimersByTime(1);
  expect(cli.errText()).toBe('Starting …\n');
  resolve('done');
  expect(await work).toBe('done');
});

test('quick work and failed work leave no word and no timer behind', async () => {
  const cli = fakeCli();
  await withProgress(cli, 'Starting …', Promise.resolve());
  await expect(withProgress(cli, 'Starting …', Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(vi.getTimerCount()).toBe(0);
  expect(cli.errText()).toBe('');
});
