import { row } from '../setting.ts';
import { integer, postgresUrl, text } from '../setting-type.ts';

/** The database, and what seals the credentials in it. */
export const STORAGE_SETTINGS = {
  'database.url': row({
    type: postgresUrl,
    default: '',
    defaultMeans: 'the PostgreSQL that Switchyard brings and runs itself',
    env: 'DATABASE_URL',
    secret: true,
    apply: 'restart',
    help: 'PostgreSQL to use instead of the embedded one: `postgresql://user:password@host:5432/database`.',
  }),
  'database.pool_size': row({
    type: integer({ min: 2, max: 500 }),
    default: 10,
    apply: 'restart',
    help: 'Connections to PostgreSQL at most.',
  }),

  'secrets.encryption_key': row({
    type: text('32 or more characters'),
    default: '',
    defaultMeans: '`encryption.key` in the home folder, made at the first start',
    env: 'ENCRYPTION_KEY',
    secret: true,
    apply: 'restart',
    help: 'Key that seals stored credentials. Under 32 characters: a warning on loopback, a refusal beyond it. Without it they cannot be read again: keep a copy.',
  }),
};
