import { expect, test } from 'vitest';
import { checkCodexConfig } from './check-codex-config.ts';

const HERE = 'http://127.0.0.1:4700';
const found = (text: string) => checkCodexConfig(text, '/codex/config.toml', HERE);
const provider = (baseUrl: string): string => `[model_providers.switchyard]\nbase_url = "${baseUrl}"\n`;

test.each([
  ['nothing', ''],
  ['no TOML', '= ='],
  ['providers elsewhere', 'chatgpt_base_url = "https://proxy.example/x"\n[model_providers.other]\nbase_url = "https://api.example"\n'],
  ['the base URL with /v1', provider(`${HERE}/v1`)],
  ['the same with a slash, by another name of this machine', provider('http://localhost:4700/v1/')],
  ['the paths of ChatGPT for models alone', provider(`${HERE}/backend-api/codex`)],
  ['the paths of ChatGPT for its account', `chatgpt_base_url = "${HERE}/backend-api"\n${provider(`${HERE}/v1`)}`],
  ['ChatGPT itself for its account', `chatgpt_base_url = "https://chatgpt.com/backend-api"\n${provider(`${HERE}/v1`)}`],
  ['what is no address', 'openai_base_url = 7\nmodel_providers = "x"\n'],
])('with %s there is nothing to say', (_what, text) => {
  expect(found(text)).toEqual([]);
});

test.each([
  ['a base URL without /v1', provider(HERE), 'codex_base_url', 'model_providers.switchyard.base_url = "http://127.0.0.1:4700" in /codex/config.toml'],
  [
    'that of the built-in provider',
    'openai_base_url = "http://user:secret@localhost:4700/responses?x=secret"',
    'codex_base_url',
    'openai_base_url = "http://localhost:4700/responses" in /codex/config.toml',
  ],
  [
    'the base URL that codex takes for ChatGPT',
    `chatgpt_base_url = "${HERE}/backend-api/"\n${provider(`${HERE}/backend-api/codex`)}`,
    'codex_bypass',
    'model_providers.switchyard.base_url = "http://127.0.0.1:4700/backend-api/codex" in /codex/config.toml',
  ],
  [
    'an account that is asked for at the wrong path',
    `chatgpt_base_url = "${HERE}"\n${provider(`${HERE}/v1`)}`,
    'codex_backend_url',
    'chatgpt_base_url = "http://127.0.0.1:4700" in /codex/config.toml',
  ],
  [
    'an account that is asked for at some other server',
    `chatgpt_base_url = "https://proxy.example/backend-api"\n${provider(`${HERE}/v1`)}`,
    'codex_backend_url',
    'chatgpt_base_url = "https://proxy.example/backend-api" in /codex/config.toml',
  ],
])('%s is named, with the place and what to set instead', (_what, text, id, evidence) => {
  expect(found(text)).toMatchObject([{ id, severity: 'warning', evidence: [evidence], next_action: expect.stringContaining(HERE) as string }]);
});
