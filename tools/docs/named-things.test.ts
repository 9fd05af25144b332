import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { SETTING_KEYS, describeSettings } from '@switchyard/config';
import { FAULTS } from '@switchyard/contracts';
import { LOG_LEVELS } from '@switchyard/observability';
import { GATEWAY_METRICS } from '@switchyard/service-gateway';
import { expect, test } from 'vitest';
import { trackedFiles } from '../checks/tracked-files.ts';
import type { TrackedFile } from '../checks/tracked-files.ts';

// Prose that names a thing of the code is wrong as soon as the thing is renamed; these tests say so.
const root = fileURLToPath(new URL('../../', import.meta.url));
const files = await trackedFiles(root);
const prose = files.filter(({ path }) => /^[A-Z]+\.md$|^docs\/.*\.md$/.test(path));
const source = files.filter(({ path }) => /^(?:apps|services|packages)\/.*\.ts$/.test(path) && !path.endsWith('.test.ts'));
const architecture = await readFile(`${root}ARCHITECTURE.md`, 'utf8');

const folders = (path: string): string[] =>
  readdirSync(root + path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** Words in code quotes that match a pattern whole, with their place. */
function quoted({ path, text }: TrackedFile, pattern: RegExp): { word: string; place: string }[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      [...line.matchAll(/`([^`]+)`/g)].map(([, word]) => ({ word: word!, place: `${path}:${index + 1}` })).filter(({ word }) => pattern.test(word)),
    );
}

test.for(['apps', 'services', 'packages'])('every member of %s has its row in ARCHITECTURE.md', (shelf) => {
  const missing = folders(shelf).filter((member) => !architecture.includes(`| [${member}](${shelf}/${member}) |`));
  expect(missing).toEqual([]);
});

test('every room of the gateway has its row in ARCHITECTURE.md', () => {
  const missing = folders('services/gateway/src').filter((room) => !architecture.includes(`| [${room}/](services/gateway/src/${room}) |`));
  expect(missing).toEqual([]);
});

test('the failure exits in ARCHITECTURE.md are faults of the table', () => {
  const stages = /### The life of a request\n([^]*?)\n### /.exec(architecture)![1]!;
  const named = quoted({ path: 'ARCHITECTURE.md', text: stages }, /^[a-z]+(?:_[a-z]+)+$/);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(({ word }) => !Object.hasOwn(FAULTS, word))).toEqual([]);
});

test('settings that pages name exist', () => {
  const sections = new Set(SETTING_KEYS.flatMap((key) => key.split('.').slice(0, -1)));
  const named = prose
    .flatMap((page) => quoted(page, /^[a-z]+\.[a-z_]+$/))
    .filter(({ word }) => sections.has(word.split('.')[0]!) && !/\.(?:md|json|toml|ts)$/.test(word));
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter(({ word }) => !(SETTING_KEYS as readonly string[]).includes(word))).toEqual([]);
});

test('variables that pages name are read by a setting', () => {
  const known = new Set(describeSettings().flatMap(({ env, aliases }) => [env, ...aliases]));
  const named = prose.flatMap(({ path, text }) => [...text.matchAll(/\bSWITCHYARD_[A-Z_]+\b/g)].map(([word]) => ({ path, word })));
  expect(named.length).toBeGreaterThan(20);
  // The settings page tells what happens to a name that begins so and is none.
  expect(named.filter(({ word }) => word !== 'SWITCHYARD_' && !known.has(word))).toEqual([]);
});

test('metrics that pages name exist', () => {
  const named = prose.flatMap((page) => quoted(page, /^switchyard_[a-z_]+$/));
  expect(named.filter(({ word }) => !Object.hasOwn(GATEWAY_METRICS, word))).toEqual([]);
});

test('events that docs/operations.md tells of are logged, at the level that it says', () => {
  const code = source.map(({ text }) => text).join('\n');
  const operations = prose.find(({ path }) => path === 'docs/operations.md')!.text;
  const rows = [...operations.matchAll(new RegExp(`^\\| \`(\\w+)\` \\| (${LOG_LEVELS.join('|')}) \\|`, 'gm'))];
  expect(rows.length).toBeGreaterThan(5);
  const wrong = rows.filter(([, event, level]) => !new RegExp(`\\.${level}\\(\\s*'${event}'`).test(code)).map(([row]) => row);
  expect(wrong).toEqual([]);
});
