import { expect, test } from 'vitest';

import { ConfigError } from './config-error.ts';
import { loadConfig } from './load-config.ts';
import type { Config } from './load-config.ts';

function config(toml: string): Config {
  return loadConfig({ env: {}, userHome: '/u', cwd: '/', readFile: () => toml, fileMode: () => 0o600 }).config;
}

function problem(toml: string): string {
  try {
    config(toml);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((each) => `${each.place.split('toml:')[1]} ${each.key} ${each.problem}`).join('\n');
    throw error;
  }
  return '';
}

test('a pool has its fields, and defaults for those left out; aliases are names for models', () => {
  const { pools, aliases } = config(`[pools.default]
[pools.team]
accounts = ["a1", "b1", "a1"]
strategy = "drain_first"
on_owner_exhausted = "move"
reserve_percent = 5
fallback = ["default"]
[aliases]
fast = "gpt-5.5-mini"
"big one" = "gpt-5.5"
`);
  const place = '/u/.switchyard/switchyard.toml';
  expect(pools).toEqual([
    { name: 'default', accounts: null, strategy: null, movesExhausted: false, reservePercent: 0, fallback: [], place: `${place}:1:1` },
    {
      name: 'team',
      accounts: ['a1', 'b1'],
      strategy: 'drain_first',
      movesExhausted: true,
      reservePercent: 5,
      fallback: ['default'],
      place: `${place}:2:1`,
    },
  ]);
  expect(aliases).toEqual({ fast: 'gpt-5.5-mini', 'big one': 'gpt-5.5' });
  const none = config('');
  expect([none.pools, none.aliases]).toEqual([[], {}]);
});

test.each([
  ['pools = 5', '1:1 pools must be written as [pools.NAME]'],
  ['[[pools]]\nname = "a"', '1:1 pools must be written as [pools.NAME]'],
  ['[pool.a]', '1:1 pool is not a setting; did you mean pools?'],
  ['[pools."a b"]', '1:1 pools.a b is not the name of a pool'],
  ['[pools.a]\nstrategie = "balance"', '2:1 pools.a.strategie is not a field of a pool; did you mean strategy?'],
  ['[pools.a]\nstrategy = "fastest"', '2:1 pools.a.strategy must be one of balance, cache_first'],
  ['[pools.a]\non_owner_exhausted = "wait"', '2:1 pools.a.on_owner_exhausted must be one of refuse, move'],
  ['[pools.a]\nreserve_percent = 100', '2:1 pools.a.reserve_percent must be a whole number from 0 to 99'],
  ['[pools.a]\naccounts = "x"', '2:1 pools.a.accounts must be an array of names of accounts'],
  ['[pools.a]\naccounts = []', '2:1 pools.a.accounts must name at least one account'],
  ['[pools.a]\nfallback = ["a"]', '2:1 pools.a.fallback must not name the pool itself'],
  ['[pools.a]\nfallback = ["backpu"]\n[pools.backup]', '2:1 pools.a.fallback names backpu, which is not a pool; did you mean backup?'],
  ['[pools.a]\nfallback = ["z"]', 'declare it as [pools.z]'],
  ['aliases = ["x"]', '1:1 aliases must be a table'],
  ['[aliases]\nfast = 5', '2:1 aliases.fast must be the name of a model'],
  ['[aliases]\nfast = ""', '2:1 aliases.fast must be the name of a model'],
  ['[aliases]\n"" = "m"', 'is not a name for a model'],
  ['[aliases]\na = "b"\nb = "c"', '2:1 aliases.a stands for b, which is an alias itself; name the model'],
])('%j is refused', (toml, says) => {
  expect(problem(toml)).toContain(says);
});
