// Writes services/SERVICE/src/store/schema.gen.ts for each service with migrations, from a database that it starts, migrates and throws away.
// With --check it writes nothing, and exits 1 if a file is not what it would write.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { createLogger } from '@switchyard/observability';

import { startEmbeddedPostgres } from '../embedded/start-embedded-postgres.ts';
import { migrate } from '../migrate/migrate.ts';
import { generateTypes } from './generate-types.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const check = process.argv.includes('--check');
const log = createLogger({ level: 'warn', component: 'types' });

const sets = readdirSync(join(root, 'services'))
  .map((name) => ({
    service: name.replaceAll('-', '_'),
    directory: join(root, 'services', name, 'migrations'),
    file: join(root, 'services', name, 'src', 'store', 'schema.gen.ts'),
  }))
  .filter(({ directory }) => existsSync(directory));

const home = mkdtempSync(join(tmpdir(), 'swyd-types-'));
try {
  await using postgres = await startEmbeddedPostgres({ home, log });
  await migrate({ connection: postgres.connection, sets, log });
  for (const { service, file } of sets) {
    const text = await generateTypes({ connection: postgres.connection, schema: service });
    const same = existsSync(file) && readFileSync(file, 'utf8') === text;
    if (same) continue;
    const name = relative(root, file);
    if (check) {
      process.stderr.write(`${name} is not what the migrations give. Run: node packages/database/src/types/types-command.ts\n`);
      process.exitCode = 1;
    } else {
      writeFileSync(file, text);
      process.stdout.write(`${name} written\n`);
    }
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
