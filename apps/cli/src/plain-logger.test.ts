import { expect, test } from 'vitest';
import { fakeCli } from './fixtures/fake-cli.ts';
import { plainLogger } from './plain-logger.ts';

test('warnings and worse are sentences on stderr, the rest is not said', () => {
  const cli = fakeCli();
  const log = plainLogger(cli.err).child({ component: 'database' });
  log.debug('a', 'not this');
  log.info('b', 'nor this');
  log.warn('c', 'a short key');
  log.error('d', 'the database is away', { count: 1 });
  expect(cli.errText()).toBe('warning: a short key\nwarning: the database is away\n');
});
