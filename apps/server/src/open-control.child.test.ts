import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '@switchyard/config';
import { removeAccount, showAccounts } from '@switchyard/service-gateway';
import { silentLogger, temporaryHome } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { openControl } from './open-storage.ts';

const TOML = '[[accounts]]\nname = "kept"\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n';

test('with the server stopped, an account of the file is held while the file declares it, and so is the sandbox', async () => {
  await using home = await temporaryHome();
  writeFileSync(join(home.path, 'switchyard.toml'), TOML, { mode: 0o600 });
  const { config } = loadConfig({ env: { SWITCHYARD_HOME: home.path } });
  await using opened = await openControl(config, silentLogger());
  const { control, pool } = opened;
  await pool.query(`insert into gateway.account (id, name, kind, source, base_url, models_from) values
    ('acct_1', 'kept', 'openai-compatible', 'file', 'http://127.0.0.1:9/v1', 'given'),
    ('acct_2', 'gone', 'openai-compatible', 'file', 'http://127.0.0.1:9/v1', 'given'),
    ('acct_3', 'sandbox', 'sandbox', 'builtin', 'http://127.0.0.1:9/v1', 'listed')`);
  await expect(removeAccount(control, 'kept')).rejects.toMatchObject({ code: 'held_by_file' });
  await expect(removeAccount(control, 'sandbox')).rejects.toMatchObject({ code: 'held_by_file' });
  await removeAccount(control, 'gone');
  expect((await showAccounts(control)).map(({ name }) => name).sort()).toEqual(['kept', 'sandbox']);
});
