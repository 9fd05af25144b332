import { DatabaseRefusal } from '@switchyard/database';
import { expect, test } from 'vitest';
import { chooseOperations } from './choose-operations.ts';
import type { Operations } from './operations.ts';

const server = { server: true } as unknown as Operations;
const files = { files: true } as unknown as Operations;
const inUse = (): Promise<never> => Promise.reject(new DatabaseRefusal('home_in_use', 'The home is in use by pid 1.'));

function ways(answers: { server?: (Operations | null)[]; files?: (() => Promise<Operations>)[] }) {
  const calls: string[] = [];
  return {
    calls,
    findServer: async () => (calls.push('find'), answers.server?.shift() ?? null),
    openFiles: () => (calls.push('open'), (answers.files?.shift() ?? inUse)()),
    waiting: () => void calls.push('waiting'),
    sleep: async () => void calls.push('sleep'),
  };
}

test('a running server is asked, and its files are left alone', async () => {
  const seen = ways({ server: [server] });
  expect(await chooseOperations(seen)).toBe(server);
  expect(seen.calls).toEqual(['find']);
});

test('without a server the files are opened', async () => {
  const seen = ways({ files: [async () => files] });
  expect(await chooseOperations(seen)).toBe(files);
  expect(seen.calls).toEqual(['find', 'open']);
});

test('a server that is starting has the home before it answers: it is waited for, and that is said once', async () => {
  const seen = ways({ server: [null, null, server] });
  expect(await chooseOperations(seen)).toBe(server);
  expect(seen.calls).toEqual(['find', 'open', 'waiting', 'sleep', 'find', 'open', 'sleep', 'find']);
});

test('another command that has the home is waited for, too', async () => {
  expect(await chooseOperations(ways({ files: [inUse, async () => files] }))).toBe(files);
});

test('a home that stays in use is refused by name', async () => {
  const seen = ways({});
  await expect(chooseOperations(seen)).rejects.toMatchObject({ reason: 'home_in_use' });
  expect(seen.calls.filter((call) => call === 'sleep')).toHaveLength(74);
});

test('any other refusal is not waited for', async () => {
  const seen = ways({ files: [() => Promise.reject(new DatabaseRefusal('no_space', 'No space.'))] });
  await expect(chooseOperations(seen)).rejects.toMatchObject({ reason: 'no_space' });
  expect(seen.calls).toEqual(['find', 'open']);
});
