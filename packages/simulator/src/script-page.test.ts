import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MALFORMATIONS } from './malform.ts';
import { openSimulator } from './open-simulator.ts';
import { parseScript } from './script.ts';

const page = readFileSync(new URL('../../../docs/simulator.md', import.meta.url), 'utf8');
const example = JSON.parse(/```json\n([^]*?)```/.exec(page)![1]!) as unknown;

/** The members that an object of a script may have, as the refusal of another one names them. */
function membersAt(script: unknown): string[] {
  try {
    parseScript(script);
  } catch (error) {
    return /one of the members ([\w, ]+), got/.exec((error as Error).message)![1]!.split(', ');
  }
  throw new Error('The script was accepted.');
}

/** The names in the first column of the table under a heading. */
function documented(heading: string): string[] {
  const table = page.slice(page.indexOf(`| ${heading} |`)).split('\n\n')[0]!;
  return [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, names]) => names!.match(/\w+/g)!);
}

test.each([
  ['Member', { unknown: 1 }],
  ['Member of `match`', { rules: [{ match: { unknown: 1 }, answer: {} }] }],
  ['Member of `answer`', { rules: [{ answer: { unknown: 1 } }] }],
])('docs/simulator.md has every %s, and no other', (heading, script) => {
  expect(documented(heading).toSorted()).toEqual(membersAt(script).toSorted());
});

test('docs/simulator.md names every way to spoil a stream', () => {
  const named = /^\| `malformed` \| (.*) \|$/m.exec(page)![1]!.match(/(?<=`)\w+(?=`)/g);
  expect(named).toEqual(Object.keys(MALFORMATIONS));
});

test('the example does what the page says of it', async () => {
  await using simulator = await openSimulator({ mode: 'scriptable', script: parseScript(example) });
  const ask = (model: string, stream = false): Promise<Response> =>
    fetch(`${simulator.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test-not-a-secret', 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'one two three four five' }] }),
    });
  const answers = [await ask('fast'), await ask('fast'), await ask('other')];
  await Promise.all(answers.map((answer) => answer.text()));
  expect(answers.map(({ status }) => status)).toEqual([429, 200, 404]);
  await expect((await ask('slow', true)).text()).rejects.toThrow();
});
