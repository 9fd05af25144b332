import { expect, test } from 'vitest';
import { brokenLinks } from './relative-links.ts';

const there =
  (...paths: string[]) =>
  (path: string) =>
    paths.includes(path);
const page = (text: string, path = 'docs/start.md') => ({ path, text });

test('links to files that exist are kept, whatever folder they start from', () => {
  const text = '[a](../README.md) [b](errors.md "title") ![c](img/x.png) [d](<errors.md>) [e](/README.md)\n\n[f]: errors.md';
  expect(brokenLinks(page(text), [], there('README.md', 'docs/errors.md', 'docs/img/x.png'))).toEqual([]);
});

test('a link to nothing is named with its line', () => {
  expect(brokenLinks(page('one\n\nsee [x](gone.md)\n'), [], there())).toEqual(['docs/start.md:3: gone.md leads to nothing']);
  expect(brokenLinks(page('![x](gone.png)\n[y]: also-gone.md\n'), [], there())).toHaveLength(2);
});

test('a link out of the repository is named', () => {
  expect(brokenLinks(page('[x](../../elsewhere/a.md)'), [], () => true)).toEqual(['docs/start.md:1: ../../elsewhere/a.md leaves the repository']);
});

test('an anchor must be a heading of the page it names', () => {
  const errors = page('# Errors\n\n## `model_not_found` (404)\n\n## Retry\n\n## Retry\n\n```\n# not a heading\n```\n', 'docs/errors.md');
  const broken = (link: string): number => brokenLinks(page(`[x](${link})`), [errors, page('# Start')], there('docs/errors.md', 'docs/start.md')).length;
  expect(broken('errors.md#model_not_found-404')).toBe(0);
  expect(broken('errors.md#retry-1')).toBe(0);
  expect(broken('errors.md#retry-2')).toBe(1);
  expect(broken('errors.md#not-a-heading')).toBe(1);
});

test('what only looks like a link is left alone', () => {
  const text = '`[x](gone.md)` and\n```ts\n[y](gone.md)\n```\n[z](https://example.com/a) [m](mailto:a@example.com)';
  expect(brokenLinks(page(text), [], there())).toEqual([]);
});
