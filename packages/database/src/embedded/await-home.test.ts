import { recordingLogger, temporaryHome } from '@switchyard/testkit';
import { expect, test } from 'vitest';

import { awaitHome } from './await-home.ts';
import { lockHome } from './home-lock.ts';

test('a command that has the home is waited for, and that is said once', async () => {
  await using home = await temporaryHome();
  const log = recordingLogger();
  const command = lockHome(home.path, 'command');
  const waiting = awaitHome(home.path, log);
  while (log.records.length === 0) await new Promise(setImmediate);
  command.release();
  (await waiting).release();
  expect(log.records.map(({ event, fields }) => [event, fields['pid']])).toEqual([['home_awaited', process.pid]]);
});

test('a command that keeps it is told by name in the end', async () => {
  await using home = await temporaryHome();
  const command = lockHome(home.path, 'command');
  await expect(awaitHome(home.path, recordingLogger(), 100)).rejects.toMatchObject({
    reason: 'home_in_use',
    message: expect.stringContaining(`(pid ${process.pid}), a switchyard command`) as string,
  });
  command.release();
});

test('another server is not waited for', async () => {
  await using home = await temporaryHome();
  const log = recordingLogger();
  const server = lockHome(home.path, 'server');
  await expect(awaitHome(home.path, log)).rejects.toMatchObject({ reason: 'home_in_use' });
  expect(log.records).toEqual([]);
  server.release();
});
