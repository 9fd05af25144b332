import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { temporaryHome } from '@switchyard/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tarOf } from './tar.ts';

test('what is put into an archive is what tar takes out of it', async () => {
  await using home = await temporaryHome();
  const files = [
    { name: 'empty.txt', text: '' },
    { name: 'whole-block.txt', text: 'x'.repeat(512) },
    { name: 'umlaut.json', text: '{"ä":"☃"}\n'.repeat(200) },
  ];
  const archive = join(home.path, 'a.tar.gz');
  writeFileSync(archive, gzipSync(tarOf(files, 1_700_000_000_000)));
  const out = join(home.path, 'out');
  mkdirSync(out);
  execFileSync('tar', ['-xzf', archive, '-C', out], { stdio: 'pipe' });
  expect(readdirSync(out).sort()).toEqual(files.map(({ name }) => name).sort());
  for (const { name, text } of files) expect(readFileSync(join(out, name), 'utf8')).toBe(text);
});

test('an archive is whole blocks, whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 2_000 }), { maxLength: 5 }), (texts) => {
      const archive = tarOf(
        texts.map((text, n) => ({ name: `${n}.txt`, text })),
        0,
      );
      expect(archive.length % 512).toBe(0);
      expect(archive.subarray(-1_024).every((byte) => byte === 0)).toBe(true);
    }),
  );
});
