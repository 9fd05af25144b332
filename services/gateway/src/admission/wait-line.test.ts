import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WaitLine } from './wait-line.ts';
import type { InLine } from './wait-line.ts';

interface Person extends InLine<Person> {
  readonly name: number;
}

const person = (name: number): Person => ({ name, before: null, behind: null });

function names(line: WaitLine<Person>): number[] {
  const found: number[] = [];
  for (let one = line.first; one !== null; one = one.behind) found.push(one.name);
  return found;
}

function namesFromBehind(line: WaitLine<Person>): number[] {
  const found: number[] = [];
  for (let one = line.last; one !== null; one = one.before) found.push(one.name);
  return found;
}

test('a line is an array in which people join at the end and leave from anywhere', () => {
  const step = fc.oneof(fc.constant({ leaves: null }), fc.record({ leaves: fc.nat() }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const line = new WaitLine<Person>();
      const model: Person[] = [];
      for (const [i, { leaves }] of steps.entries()) {
        if (leaves === null) {
          const one = person(i);
          line.join(one);
          model.push(one);
        } else if (model.length > 0) {
          const [one] = model.splice(leaves % model.length, 1);
          line.leave(one!);
          expect([one!.before, one!.behind]).toEqual([null, null]);
        }
        const expected = model.map(({ name }) => name);
        expect(names(line)).toEqual(expected);
        expect(namesFromBehind(line)).toEqual(expected.toReversed());
        expect([line.length, line.first?.name, line.last?.name]).toEqual([expected.length, expected[0], expected.at(-1)]);
      }
    }),
  );
});

test('who has left one line can join another, or the same again', () => {
  const one = person(1);
  const [a, b] = [new WaitLine<Person>(), new WaitLine<Person>()];
  a.join(person(0));
  a.join(one);
  a.leave(one);
  b.join(one);
  b.leave(one);
  a.join(one);
  expect([names(a), names(b)]).toEqual([[0, 1], []]);
});
