import { expect, test } from 'vitest';
import { fencedBlocks } from './fenced-blocks.ts';

test('blocks are found with their language, place and the reason why they are not run', () => {
  const page = [
    '# Title',
    '',
    '```sh',
    'one',
    '',
    'two',
    '```',
    '',
    '<!-- not run: it needs a cluster -->',
    '```sh title="x"',
    'three',
    '```',
    '~~~',
    'plain',
    '~~~',
    '',
  ].join('\n');
  expect(fencedBlocks(page)).toEqual([
    { language: 'sh', text: 'one\n\ntwo\n', line: 3, notRun: null },
    { language: 'sh', text: 'three\n', line: 10, notRun: 'it needs a cluster' },
    { language: '', text: 'plain\n', line: 13, notRun: null },
  ]);
});

test('a comment further up does not count, nor does a fence inside a longer one', () => {
  const page = '<!-- not run: old -->\nText.\n````md\n```sh\ninner\n```\n````\n';
  expect(fencedBlocks(page)).toEqual([{ language: 'md', text: '```sh\ninner\n```\n', line: 3, notRun: null }]);
});
