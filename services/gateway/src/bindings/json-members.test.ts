import { expect, test } from 'vitest';
import { fingerprintOf, hasMember, idsOf } from './json-members.ts';

const MIB = 1_048_576;
/** A mebibyte of one text again and again. */
const filledWith = (text: string): Buffer => Buffer.from(`[${text.repeat(Math.floor(MIB / text.length))}0]`);

/** Time of the processor, which does not grow when others use it too. */
function cpuMsOf(search: () => unknown): number {
  const began = process.threadCpuUsage();
  search();
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1_000;
}

test.each([
  ['{"type":"compaction"}', true],
  ['{"type" : \n "compaction"}', true],
  ['{"type":"message","text":"compaction"}', false],
  ['{"text":"\\"type\\":\\"compaction\\""}', false],
  ['{"type":["compaction"]}', false],
  ['["compaction"]', false],
  ['[{"type":"message"},"compaction",{"type":"compaction"}]', true],
] as const)('a member is found by its name and its value: %s', (json, has) => {
  expect(hasMember(Buffer.from(json), '"type"', 'compaction')).toBe(has);
});

// At a cost that grows with the square of the length the first of these takes the better part of a minute.
test.each([
  '"compaction",',
  '"type","compaction",',
  '{"type":["compaction"]},',
  '{"encrypted_content":null},',
  '{"encrypted_content":"\\""},',
  '{"call_id":1},',
])('a mebibyte of %s costs no more than its length', (text) => {
  const json = filledWith(text);
  const ms = cpuMsOf(() => [hasMember(json, '"type"', 'compaction'), fingerprintOf(json), idsOf(json, '"call_id"', 16)]);
  expect(ms).toBeLessThan(2_000);
});
