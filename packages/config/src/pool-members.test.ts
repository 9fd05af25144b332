import { expect, test } from 'vitest';
import { loadConfig } from './load-config.ts';
import { declaredAccounts, unknownMembers } from './pool-members.ts';

const TOML = `[[accounts]]
name = "work"
kind = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
[pools.team]
accounts = ["work", "wrok", "elsewhere"]
[pools.all]
`;

test('a pool that names what is no account is told with its place, and what was likely meant', () => {
  const { config } = loadConfig({ env: {}, userHome: '/u', cwd: '/', readFile: () => TOML, fileMode: () => 0o600 });
  const declared = new Set(declaredAccounts(config));
  expect([...declared]).toEqual(['work', 'sandbox']);
  const place = '/u/.switchyard/switchyard.toml:5:1';
  expect(unknownMembers(config, declared)).toEqual([
    { pool: 'team', account: 'wrok', place, near: 'work' },
    { pool: 'team', account: 'elsewhere', place, near: null },
  ]);
  expect(unknownMembers(config, new Set(['work', 'wrok', 'elsewhere']))).toEqual([]);
});
