import { chmod, lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryHome } from '@switchyard/testkit';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { MAX_SOCKET_PATH_BYTES, prepareSocketFolder, socketFolderOf } from './socket-folder.ts';

test('the path of the socket is short enough whatever the home is called, and its own for each home', () => {
  const path = fc
    .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 8 })
    .map((names) => `/${names.map((name) => name.replaceAll(/[/\0]/g, '_')).join('/')}`);
  fc.assert(
    fc.property(path, path, (one, other) => {
      expect(Buffer.byteLength(join(socketFolderOf(one), '.s.PGSQL.5432'))).toBeLessThanOrEqual(MAX_SOCKET_PATH_BYTES);
      if (join(one) !== join(other)) expect(socketFolderOf(one)).not.toBe(socketFolderOf(other));
    }),
  );
});

test('the folder is private and what a dead server left in it is cleared', async () => {
  await using home = await temporaryHome();
  const folder = join(home.path, 'socket');
  await mkdir(folder);
  await chmod(folder, 0o755);
  for (const name of ['.s.PGSQL.5432', '.s.PGSQL.5432.lock']) await writeFile(join(folder, name), '');
  prepareSocketFolder(folder, null);
  expect((await lstat(folder)).mode & 0o777).toBe(0o700);
  expect(await readdir(folder)).toEqual([]);
});

test('a link put in the place of the folder is not followed', async () => {
  await using home = await temporaryHome();
  await mkdir(join(home.path, 'elsewhere'));
  await symlink(join(home.path, 'elsewhere'), join(home.path, 'socket'));
  expect(() => prepareSocketFolder(join(home.path, 'socket'), null)).toThrow(expect.objectContaining({ reason: 'socket_folder' }));
});
