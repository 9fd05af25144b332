import { recordingLogger } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { keepAsking, learnModels } from './learn-models.ts';

interface Draft {
  readonly name: string;
  readonly models: readonly string[] | null;
}

const drafts: readonly Draft[] = ['a', 'b', 'c'].map((name) => ({ name, models: null }));

function bench() {
  const asked: { readonly name: string; answer(models: readonly string[]): void; fail(error: Error): void }[] = [];
  const stored: [name: string, models: readonly string[] | null][] = [];
  const log = recordingLogger();
  let applied = 0;
  const options = {
    ask: ({ name }: Draft) => new Promise<readonly string[]>((resolve, reject) => asked.push({ name, answer: resolve, fail: reject })),
    store: async ({ name }: Draft, models: readonly string[] | null) => void stored.push([name, models]),
    applied: async () => void applied++,
    log,
  };
  return { asked, stored, log, options, applied: () => applied };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

test('all upstreams are asked at once, and who names models is not asked', async () => {
  const { asked, stored, options } = bench();
  const learning = learnModels([...drafts, { name: 'd', models: ['given'] }], options);
  expect(asked.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  for (const { name, answer } of asked.toReversed()) answer([`model-${name}`]);
  expect(await learning).toEqual([]);
  expect(stored).toEqual([
    ['a', ['model-a']],
    ['b', ['model-b']],
    ['c', ['model-c']],
    ['d', ['given']],
  ]);
});

test('the start goes on without those that are silent or refuse, and keeps what was known of them', async () => {
  const { asked, stored, log, options } = bench();
  const learning = learnModels(drafts, options, 20);
  asked[0]!.answer(['m']);
  asked[1]!.fail(new Error('refused'));
  expect(await learning).toEqual([drafts[1], drafts[2]]);
  expect(stored).toEqual([
    ['a', ['m']],
    ['b', null],
    ['c', null],
  ]);
  expect(log.records.map(({ event, fields }) => [event, fields['account']])).toEqual([
    ['account_models_unknown', 'b'],
    ['account_models_unknown', 'c'],
  ]);
});

test('they are asked again until they answer, and a round does not begin while one is running', async () => {
  const { asked, stored, options, applied } = bench();
  const stop = keepAsking(drafts.slice(0, 2), options, 1);
  await until(() => asked.length === 2);
  // Many pauses pass while b is silent.
  asked[0]!.answer(['m']);
  await until(() => stored.length === 1);
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(asked).toHaveLength(2);
  asked[1]!.fail(new Error('refused'));
  await until(() => asked.length === 3);
  expect(asked[2]!.name).toBe('b');
  asked[2]!.answer(['n']);
  await until(() => applied() === 2);
  expect(stored).toEqual([
    ['a', ['m']],
    ['b', ['n']],
  ]);
  stop();
});

test('an answer that comes after the end is not stored', async () => {
  const { asked, stored, options, applied } = bench();
  const stop = keepAsking(drafts.slice(0, 1), options, 1);
  await until(() => asked.length === 1);
  stop();
  asked[0]!.answer(['m']);
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(stored).toEqual([]);
  expect(asked).toHaveLength(1);
  expect(applied()).toBe(0);
});
