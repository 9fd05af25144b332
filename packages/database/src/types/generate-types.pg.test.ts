import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryHome, testDatabase } from '@switchyard/testkit';
import { expect, test } from 'vitest';

import { generateTypes } from './generate-types.ts';

async function typesOf(sql: string): Promise<string> {
  await using home = await temporaryHome();
  const directory = join(home.path, 'migrations');
  await mkdir(directory);
  await writeFile(join(directory, '0001-zoo.sql'), `create schema zoo; ${sql}`);
  await using database = await testDatabase({ sets: [{ service: 'zoo', directory }] });
  return await generateTypes({ connection: database.connection, schema: 'zoo' });
}

test('columns are typed as the driver reads them and as they may be written', async () => {
  const text = await typesOf(`
    create type zoo.mood as enum ('calm', 'cross');
    create table zoo.animal (
      id      bigint generated always as identity primary key,
      name    text not null,
      born    timestamptz not null default now(),
      weight  bigint,
      mood    zoo.mood not null default 'calm',
      tags    text[] not null default '{}',
      notes   jsonb,
      photo   bytea,
      price   numeric not null,
      shout   text generated always as (upper(name)) stored
    ) ;
    create table zoo.visit (at timestamptz not null, animal bigint not null) partition by range (at);
    create table zoo.visit_default partition of zoo.visit default;`);
  expect(text).toContain(`import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface DB {
  'zoo.animal': {
    id: GeneratedAlways<bigint>;
    name: string;
    born: Generated<Date>;
    weight: ColumnType<bigint | null, bigint | number | null, bigint | number | null>;
    mood: Generated<'calm' | 'cross'>;
    tags: Generated<string[]>;
    notes: ColumnType<unknown, string | null, string | null>;
    photo: Buffer | null;
    price: ColumnType<string, string | number, string | number>;
    shout: GeneratedAlways<string | null>;
  };
  'zoo.visit': {
    at: Date;
    animal: ColumnType<bigint, bigint | number, bigint | number>;
  };
}
`);
});

test('a type that is not known is refused by the name of its column', async () => {
  await expect(typesOf('create table zoo.cage (shape polygon)')).rejects.toThrow('zoo.cage.shape is of type polygon');
});
