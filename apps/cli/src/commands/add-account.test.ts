import { expect, test } from 'vitest';
import { fakeCli } from '../fixtures/fake-cli.ts';
import { readDraft } from './add-account.ts';
import type { AddAccountOptions } from './add-account.ts';

const KEY = 'sk-test-upstream-not-a-secret';
const asked: AddAccountOptions = { name: 'a1', kind: 'openai', keyEnv: 'UPSTREAM_KEY', priority: 100, header: [], map: [] };

test('the key is read from the variable that is named', async () => {
  expect(await readDraft(asked, fakeCli({ env: { UPSTREAM_KEY: KEY } }))).toEqual({
    name: 'a1',
    kind: 'openai',
    base_url: 'https://api.openai.com/v1',
    priority: 100,
    credential: KEY,
  });
});

test('the key is read from standard input, without its line end', async () => {
  const { keyEnv: _, ...options } = asked;
  expect(await readDraft({ ...options, keyStdin: true }, fakeCli({ input: `${KEY}\n` }))).toMatchObject({ credential: KEY });
  await expect(readDraft({ ...options, keyStdin: true }, fakeCli({ input: '\n' }))).rejects.toMatchObject({ code: 'key_missing' });
  await expect(readDraft({ ...options, keyStdin: true }, fakeCli({ tty: true }))).rejects.toThrow(/from a pipe/);
});

test.each([
  { env: {}, says: 'The environment variable UPSTREAM_KEY is not set.' },
  { env: { UPSTREAM_KEY: '' }, says: 'The environment variable UPSTREAM_KEY is empty.' },
])('a variable without a key is refused: $says', async ({ env, says }) => {
  await expect(readDraft(asked, fakeCli({ env }))).rejects.toMatchObject({ code: 'key_missing', message: says });
});

test('a key written where its variable belongs is not repeated', async () => {
  const refused = await readDraft({ ...asked, keyEnv: KEY }, fakeCli()).catch((error: unknown) => error as Error);
  expect(refused).toMatchObject({ code: 'key_missing' });
  expect((refused as Error).message).not.toContain(KEY);
});

test('an openai account needs a key, an openai-compatible one an address and no key', async () => {
  const { keyEnv: _, ...without } = asked;
  await expect(readDraft(without, fakeCli())).rejects.toThrow(/needs its key/);
  await expect(readDraft({ ...without, kind: 'openai-compatible' }, fakeCli())).rejects.toThrow(/needs its address/);
  const draft = await readDraft({ ...without, kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:8000/v1' }, fakeCli());
  expect(draft).toEqual({ name: 'a1', kind: 'openai-compatible', base_url: 'http://127.0.0.1:8000/v1', priority: 100 });
});

test('extra headers are read as lines, and their secrets from variables', async () => {
  const env = { UPSTREAM_KEY: KEY, TEAM_TOKEN: 'tok:with:colons' };
  const draft = await readDraft({ ...asked, header: ['X-Team: blue', 'x-token:env:TEAM_TOKEN', 'x-empty:'] }, fakeCli({ env }));
  expect(draft.headers).toEqual({ 'x-team': 'blue', 'x-token': 'tok:with:colons', 'x-empty': '' });
  await expect(readDraft({ ...asked, header: ['X-Team: env:NO_SUCH'] }, fakeCli({ env }))).rejects.toMatchObject({ code: 'key_missing' });
  await expect(readDraft({ ...asked, header: ['no header'] }, fakeCli({ env }))).rejects.toThrow(/'Name: value'/);
  await expect(readDraft({ ...asked, header: [': value'] }, fakeCli({ env }))).rejects.toThrow(/'Name: value'/);
});

test('what is left out is left to the gateway, and what is given is passed on', async () => {
  const env = { UPSTREAM_KEY: KEY };
  const draft = await readDraft(
    {
      ...asked,
      map: ['ours=theirs', 'b = c'],
      models: ['a', 'b'],
      organization: 'org-1',
      project: 'proj-1',
      priority: 5,
      maxInFlight: 8,
      softInFlight: 4,
      reservePercent: 10,
      websocket: true,
    },
    fakeCli({ env }),
  );
  expect(draft).toMatchObject({ models: ['a', 'b'], organization: 'org-1', project: 'proj-1', priority: 5, websocket: true });
  expect(draft).toMatchObject({ max_in_flight: 8, soft_in_flight: 4, reserve_percent: 10, model_map: { ours: 'theirs', b: 'c' } });
  for (const map of ['ours', '=theirs', 'a=b=c']) await expect(readDraft({ ...asked, map: [map] }, fakeCli({ env }))).rejects.toThrow(/OURS=THEIRS/);
});
