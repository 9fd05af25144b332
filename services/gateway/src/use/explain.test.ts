import { expect, test } from 'vitest';
import { account, figuresAt } from '../choice/fixtures/accounts.ts';
import { makeTable } from '../choice/pool.ts';
import type { OwnerParts } from '../bindings/resolve-owner.ts';
import { explainChoice } from './explain.ts';
import { findBelonging } from './find-belonging.ts';

test('a ChatGPT login is explained for Responses, and for nothing else', () => {
  const { live } = figuresAt();
  const table = makeTable(1, [account(live, 'login', { kind: 'chatgpt', priority: 1, models: ['m', 'g'] }), account(live, 'other')]);
  live.adopt(table);
  const winner = (lane: 'responses' | 'standard', model: string | null) => explainChoice(table, live, { model, lane, key: null }, null, 0).winner;
  expect([winner('responses', 'm'), winner('standard', 'm'), winner('standard', null)]).toEqual(['login', 'other', 'other']);
  expect(() => winner('standard', 'g')).toThrow(expect.objectContaining({ code: 'model_not_found' }) as Error);
});

test('ids are explained of a key only, for they mean something to no other', async () => {
  const { live } = figuresAt();
  const table = makeTable(1, [account(live, 'a')]);
  const asked = { model: 'm', lane: 'responses', key: null } as const;
  const nothing = { previousResponse: null, session: null, turnState: null };
  expect(await findBelonging({ ...asked, continues: nothing }, table, {} as OwnerParts)).toBeNull();
  for (const continues of [
    { ...nothing, previousResponse: 'resp_1' },
    { ...nothing, session: 'thread' },
    { ...nothing, turnState: 'turn' },
  ])
    await expect(findBelonging({ ...asked, continues }, table, {} as OwnerParts)).rejects.toMatchObject({ code: 'missing_required_parameter', param: 'key' });
});
