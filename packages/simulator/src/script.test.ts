import { SwitchyardError } from '@switchyard/contracts';
import { describe, expect, test } from 'vitest';
import { PRESETS } from './presets.ts';
import { Rules } from './rules.ts';
import type { Rule } from './script.ts';
import { parseScript } from './script.ts';

describe('a script that is refused names the place', () => {
  test.each([
    [{ rulez: [] }, 'rulez', 'one of the members rules, models, keys'],
    [{ rules: {} }, 'rules', 'a list'],
    [{ rules: [{}] }, 'rules[0].answer', 'a value'],
    [{ rules: [{ answer: {} }, { answer: { preset: 'nope' } }] }, 'rules[1].answer.preset', '"usage_limit_reached"'],
    [{ rules: [{ answer: { status: 99 } }] }, 'rules[0].answer.status', 'a whole number from 200 to 599'],
    [{ rules: [{ answer: { cut: { at: { bytes: -1 } } } }] }, 'rules[0].answer.cut.at', '{ bytes }'],
    [{ rules: [{ answer: { chunks: ['YQ=='], raw: 1 } }] }, 'rules[0].answer.raw', 'true or false'],
    [{ rules: [{ answer: { chunks: ['YQ==', 'not base64'] } }] }, 'rules[0].answer.chunks[1]', 'base64'],
    [{ rules: [{ answer: { say: { calls: [{ arguments: {} }] } } }] }, 'rules[0].answer.say.calls[0].name', 'a value'],
    [{ rules: [{ match: { nth: 0 }, answer: {} }] }, 'rules[0].match.nth', 'at least 1'],
    [{ rules: [{ times: 'ever', answer: {} }] }, 'rules[0].times', '"always"'],
    [{ keys: { a: 1 } }, 'keys.a', 'a string'],
    ['text', '', 'an object'],
  ])('%j', (script, place, expected) => {
    const refusal = (() => {
      try {
        return parseScript(script);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(SwitchyardError);
    expect(refusal).toMatchObject({ code: 'invalid_value', param: place, message: expect.stringContaining(expected) });
  });

  test('a long value is shortened in the message', () => {
    expect(() => parseScript({ rules: 'x'.repeat(5_000) })).toThrow(/^.{1,160}$/);
  });

  test.each(Object.entries(PRESETS))('the preset %s is itself a valid answer', (_name, answer) => {
    const script = { rules: [{ answer }] };
    expect(parseScript(script)).toBe(script);
  });
});

describe('rules', () => {
  const asked = (path: string, model = 'm', key = ''): Parameters<Rules['take']>[0] => ({
    method: 'POST',
    path,
    transport: 'http',
    keyLabel: key,
    keyPrint: () => 'sha256:0123456789ab',
    model: () => model,
  });
  const queue = (...rules: readonly Rule[]): Rules => {
    const made = new Rules();
    made.add(rules);
    return made;
  };
  const names = (rules: Rules, ...each: readonly Parameters<Rules['take']>[0][]): readonly (string | undefined)[] => each.map((one) => rules.take(one)?.name);

  test('are used up in order, and those for always never are', () => {
    const rules = queue({ times: 2, answer: {} }, { answer: {} }, { times: 'always', answer: {} });
    expect(names(rules, ...Array.from({ length: 5 }, () => asked('/a')))).toEqual(['rules[0]', 'rules[0]', 'rules[1]', 'rules[2]', 'rules[2]']);
  });

  test('match by path, by beginning of a path, by model, by label and by print', () => {
    const rules = queue(
      { times: 'always', match: { path: '/v1/responses' }, answer: {} },
      { times: 'always', match: { path: '/v1/models*' }, answer: {} },
      { times: 'always', match: { model: 'special' }, answer: {} },
      { times: 'always', match: { key: 'alpha' }, answer: {} },
      { times: 'always', match: { key: 'sha256:0123', method: 'POST', path: '/print' }, answer: {} },
    );
    expect(
      names(
        rules,
        asked('/v1/responses'),
        asked('/v1/responses/x'),
        asked('/v1/models/a'),
        asked('/x', 'special'),
        asked('/x', 'm', 'alpha'),
        asked('/print'),
        asked('/none'),
      ),
    ).toEqual(['rules[0]', undefined, 'rules[1]', 'rules[2]', 'rules[3]', 'rules[4]', undefined]);
  });

  test('nth counts the requests that match, whoever answers them', () => {
    const rules = queue({ match: { path: '/a', nth: 3 }, answer: {} }, { times: 'always', match: { path: '/a' }, answer: {} });
    expect(names(rules, asked('/a'), asked('/b'), asked('/a'), asked('/a'), asked('/a'))).toEqual(['rules[1]', undefined, 'rules[1]', 'rules[0]', 'rules[1]']);
  });

  test('an answer that is spelled out is built once', () => {
    const rules = queue({ times: 'always', answer: { body: { fixed: true } } });
    const [first, second] = [rules.take(asked('/a')), rules.take(asked('/a'))];
    expect(first?.ready?.headers['content-length']).toBe('14');
    expect(second?.ready).toBe(first?.ready);
  });
});
