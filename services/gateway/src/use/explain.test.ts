import { expect, test } from 'vitest';
import { account, figuresAt } from '../choice/fixtures/accounts.ts';
import { makeTable } from '../choice/pool.ts';
import { explainChoice } from './explain.ts';

test('a ChatGPT login is explained for Responses, and for nothing else', () => {
  const { live } = figuresAt();
  const table = makeTable(1, [account(live, 'login', { kind: 'chatgpt', priority: 1, models: ['m', 'g'] }), account(live, 'other')]);
  live.adopt(table);
  const winner = (lane: 'responses' | 'standard', model: string | null) => explainChoice(table, live, { model, lane, key: null }).winner;
  expect([winner('responses', 'm'), winner('standard', 'm'), winner('standard', null)]).toEqual(['login', 'other', 'other']);
  expect(() => winner('standard', 'g')).toThrow(expect.objectContaining({ code: 'model_not_found' }) as Error);
});
