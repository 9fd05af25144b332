import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSimulator } from '@switchyard/simulator';
import { temporaryHome } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { trackedFiles } from '../checks/tracked-files.ts';
import { CODEX_VERSION, fetchCodex } from '../fetch-codex.mjs';
import { fencedBlocks } from './fenced-blocks.ts';
import type { FencedBlock } from './fenced-blocks.ts';
import { Reader } from './reader.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Pages that tell a reader what to type. docs/settings.md is printed from its table, and its example is held by the tests of packages/config. */
const PAGES = /^(?:README|CONTRIBUTING|SECURITY)\.md$|^docs\/(?!settings\.md).*\.md$/;
const FOLLOWED = new Set(['sh', 'js', 'toml']);

const pages = (await trackedFiles(root)).filter(({ path }) => PAGES.test(path)).map(({ path, text }) => ({ path, blocks: fencedBlocks(text) }));
const followed = (blocks: readonly FencedBlock[]): FencedBlock[] => blocks.filter(({ language, notRun }) => FOLLOWED.has(language) && notRun === null);

const codex = await fetchCodex().catch((error: unknown) => (process.env['CI'] === undefined ? null : Promise.reject(error as Error)));

/** Signs, by page and words of a block, that it did what the page says, beyond ending well. */
const SIGNS: readonly { readonly page: string; readonly block: RegExp; readonly sign: RegExp }[] = [
  { page: 'README.md', block: /^npm start/, sign: /Three things to try/ },
  { page: 'README.md', block: /^curl -i/, sign: /HTTP\/1\.1 200[^]*You said: hello/ },
  { page: 'README.md', block: /^import OpenAI/, sign: /You said: hello/ },
  { page: 'README.md', block: /codex exec/, sign: /You said: say hello/ },
  { page: 'README.md', block: /accounts add/, sign: /Added openai [^]*openai +openai +ready [^]*answered after/ },
  { page: 'README.md', block: /accounts remove/, sign: /Removed openai/ },
  { page: 'README.md', block: /keys create/, sign: /Made the key "laptop"[^]*laptop .*sandbox .*active/ },
  { page: 'README.md', block: /why /, sign: /It was answered whole[^]*for the model sandbox[^]*responses\.create/ },
  { page: 'README.md', block: /config show/, sign: /server\.port[^]*fine/ },
  { page: 'docs/operations.md', block: /readyz/, sign: /"status":"ready"/ },
  { page: 'docs/operations.md', block: /tar -C .* -xzf/, sign: /^sandbox +sandbox +server stopped/m },
  { page: 'docs/operations.md', block: /\/metrics/, sign: /^switchyard_database_up 1$/m },
];

for (const { path, blocks } of pages) {
  const toDo = followed(blocks);
  if (toDo.length === 0) continue;
  const needsCodex = toDo.some(({ text }) => text.includes('codex exec'));
  test.skipIf(needsCodex && codex === null)(
    `a reader who follows ${path} gets what it promises (codex ${CODEX_VERSION})`,
    async () => {
      await using upstream = await openSimulator({ mode: 'scriptable' });
      await using reader = await Reader.arrive({ openaiUrl: `${upstream.url}/v1`, codex: codex ?? process.execPath });
      for (const block of toDo) {
        const place = `${path}:${block.line}`;
        const { code, output } = await reader.follow(block);
        expect(code, `${place}\n${block.text}\n${output}`).toBe(0);
        for (const { sign } of SIGNS.filter(({ page, block: words }) => page === path && words.test(block.text))) expect(output, `${place}`).toMatch(sign);
        if (block.text.startsWith('kill ')) expect(await reader.serverEnd(), `${place}`).toBe(0);
      }
      if (path === 'README.md') await expectFieldsDocumented(reader);
      expect(reader.told).not.toContain('sk-test-reader-not-a-secret');
    },
    180_000,
  );
}

test('every sign belongs to a block that is there', () => {
  for (const { page, block } of SIGNS) {
    const found = pages.find(({ path }) => path === page);
    expect(
      followed(found?.blocks ?? []).some(({ text }) => block.test(text)),
      `${page} ${block}`,
    ).toBe(true);
  }
});

test('a command that is not run names at least a script and files that exist', async () => {
  const { scripts } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
  const wrong: string[] = [];
  for (const { path, blocks } of pages) {
    for (const { language, text, line, notRun } of blocks) {
      if (language !== 'sh' || notRun === null) continue;
      for (const [, name = ''] of text.matchAll(/npm (?:run )?(?:-s )?(start|test|(?<=run (?:-s )?)[\w:-]+)/g))
        if (!(name in scripts)) wrong.push(`${path}:${line} npm run ${name}`);
      for (const [, file = ''] of text.matchAll(/(?:node|vitest run) ([\w./-]+)/g)) if (!existsSync(root + file)) wrong.push(`${path}:${line} ${file}`);
    }
  }
  expect(wrong).toEqual([]);
});

const PROMTOOL = process.env['PROMTOOL'] ?? 'promtool'; // Debian's package `prometheus` has it
const hasPromtool = spawnSync(PROMTOOL, ['--version']).error === undefined;

test.skipIf(!hasPromtool && process.env['CI'] === undefined)('promtool takes the scrape configuration of docs/operations.md', async () => {
  const blocks = pages.find(({ path }) => path === 'docs/operations.md')!.blocks.filter(({ language }) => language === 'yaml');
  expect(blocks).toHaveLength(1);
  await using home = await temporaryHome();
  const file = join(home.path, 'prometheus.yml');
  await writeFile(file, blocks[0]!.text);
  const { status, stderr } = spawnSync(PROMTOOL, ['check', 'config', '--syntax-only', file], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
});

/** The first table of the request log in docs/operations.md has the fields of a real request, and no others. */
async function expectFieldsDocumented(reader: Reader): Promise<void> {
  const operations = await readFile(`${root}docs/operations.md`, 'utf8');
  const table = /## The request log\n[^|]*(\|[^]*?)\n\n/.exec(operations)![1]!;
  const documented = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, names]) => names!.match(/\w+/g)!);
  const { output } = await reader.follow({ language: 'sh', text: 'npm run -s switchyard -- why REQUEST_ID --json 2> /dev/null', line: 0, notRun: null });
  expect(documented.toSorted()).toEqual(Object.keys(JSON.parse(output) as object).toSorted());
}
