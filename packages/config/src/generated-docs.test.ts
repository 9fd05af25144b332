import { readFileSync } from 'node:fs';

import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { fromJSONSchema } from 'zod';

import { describeSettings } from './describe-settings.ts';
import { generatedDocs } from './generated-docs.ts';
import { loadConfig } from './load-config.ts';
import { settingsJsonSchema } from './settings-json-schema.ts';
import { settingsMarkdown } from './settings-markdown.ts';

const schema = fromJSONSchema(settingsJsonSchema() as Parameters<typeof fromJSONSchema>[0]);

function loads(toml: string): boolean {
  try {
    loadConfig({ env: { OPENAI_API_KEY: 'sk-test-not-a-secret' }, cwd: '/', userHome: '/u', readFile: () => toml, fileMode: () => 0o600 });
    return true;
  } catch {
    return false;
  }
}

test.each(generatedDocs().map(({ path, text }) => [path, text]))(
  '%s is what the table of settings says (else run node packages/config/src/generate-docs.ts)',
  (path, text) => {
    expect(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')).toBe(text);
  },
);

test('the page names every setting and every variable', () => {
  const page = settingsMarkdown();
  for (const { key, env, aliases } of describeSettings()) for (const name of [key, env, ...aliases]) expect(page).toContain(`\`${name}\``);
});

test('the example on the page loads, and editors accept it by the schema', () => {
  const toml = /```toml\n([\s\S]*?)```/.exec(settingsMarkdown())![1]!;
  expect(loads(toml)).toBe(true);
  expect(schema.safeParse(parse(toml)).success).toBe(true);
});

test('a file of all defaults passes the schema', () => {
  const toml = describeSettings()
    .filter(({ outsideFile, secret }) => !outsideFile && !secret)
    .map(
      ({ key, default: value, schema: { type, enum: choices } }) =>
        `${key} = ${type === 'array' ? '[]' : type === 'string' || choices !== undefined ? JSON.stringify(value) : value}`,
    )
    .join('\n');
  expect(loads(toml)).toBe(true);
  expect(schema.safeParse(parse(toml)).error?.issues ?? []).toEqual([]);
});

test.each([
  'server.port = 70000',
  'server.port = "1"',
  '[server]\nhots = 1',
  'nothing = 1',
  'log.level = "loud"',
  'limits.body_bytes = "64 apples"',
  'server.cors_origins = "https://a.example"',
  'admin.expose = "true"',
  '[[accounts]]\nname = "a"',
  '[[accounts]]\nname = "a"\nkind = "azure"',
  'home = "/x"',
])('what the loader refuses by form the schema refuses too: %j', (toml) => {
  expect(loads(toml)).toBe(false);
  expect(schema.safeParse(parse(toml)).success).toBe(false);
});
