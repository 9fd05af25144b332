import { SwitchyardError } from '@switchyard/contracts';
import { StartRefusal } from '@switchyard/app-server';
import { ConfigError } from '@switchyard/config';
import { SecurityRefusal, VaultError } from '@switchyard/security';
import { expect, test } from 'vitest';
import { explainError } from './explain-error.ts';
import { CommandRefusal, UsageError } from './refusals.ts';

const asked = { command: 'switchyard keys create', json: false };

test('a fault is its message and, below it, what to do about it', () => {
  const fault = new SwitchyardError('name_taken', 'There is a live key named "a1" already.', { param: 'name' });
  expect(explainError(fault, asked)).toEqual({
    exitCode: 1,
    text: 'error: There is a live key named "a1" already.\n  Choose another name, or first end the one that has it: `switchyard keys revoke NAME`.\n',
  });
});

test.each([
  { command: 'switchyard accounts test', names: 'switchyard accounts list' },
  { command: 'switchyard keys revoke', names: 'switchyard keys list' },
  { command: 'switchyard why', names: 'switchyard logs' },
  { command: 'switchyard quota lift', names: 'switchyard quota' },
])('what $command does not find is looked for with one command', ({ command, names }) => {
  const { text } = explainError(new SwitchyardError('not_found', 'There is none.'), { ...asked, command });
  expect(text).toBe(`error: There is none.\n  See \`${names}\` for what there is.\n`);
});

test('a wrong field is told by the name of its option', () => {
  const fault = new SwitchyardError('invalid_value', 'The field `base_url` must be an address.', { param: 'base_url' });
  expect(explainError(fault, asked).text).toContain('\n  Correct --base-url.\n');
});

test('where the table speaks to programs, a person is told what a shell can do', () => {
  expect(explainError(new SwitchyardError('admin_token_required', 'This needs the admin token.'), asked).text).toContain('SWITCHYARD_ADMIN_TOKEN');
  expect(explainError(new SwitchyardError('held_by_file', 'Declared in switchyard.toml; remove it there.'), asked).text).toBe(
    'error: Declared in switchyard.toml; remove it there.\n',
  );
});

test('as JSON it is the envelope, with the advice in its message', () => {
  const fault = new SwitchyardError('name_taken', 'Taken.', { param: 'name' });
  const { exitCode, text } = explainError(fault, { ...asked, json: true });
  expect(exitCode).toBe(1);
  expect(JSON.parse(text)).toEqual({
    error: {
      message: 'Taken. Choose another name, or first end the one that has it: `switchyard keys revoke NAME`.',
      type: 'invalid_request_error',
      param: 'name',
      code: 'name_taken',
      retryable: false,
      request_id: null,
    },
  });
});

test('a usage error ends with 2 and points to the help of its command', () => {
  expect(explainError(new UsageError('Say which.'), asked)).toEqual({ exitCode: 2, text: 'error: Say which.\n  See: switchyard keys create --help\n' });
});

test.each([
  new ConfigError([{ key: 'server.port', place: 'SWITCHYARD_PORT', problem: 'must be a number' }]),
  new StartRefusal('Port 1 is in use.', new Error('cause')),
  new SecurityRefusal('The file is open to others.'),
  new VaultError('damaged', 'the sealed value is damaged'),
  new CommandRefusal('key_missing', 'Not set.', 'Set it.', new Error('cause')),
])('$name is foreseen: its sentence without a stack', (error) => {
  const { exitCode, text } = explainError(error, asked);
  expect(exitCode).toBe(1);
  expect(text).toContain(`error: ${error.message}\n`);
  expect(text).not.toMatch(/^\s+at /m);
  expect(text).not.toContain('fault of Switchyard');
});

test('what nobody foresaw shows where it happened, and no secret', () => {
  const { exitCode, text } = explainError(new TypeError('no key sk-test-abcdefghijklmnopqrstuvwxyz0123456789 here'), asked);
  expect(exitCode).toBe(1);
  expect(text).toContain('A fault of Switchyard itself: TypeError');
  expect(text).toContain('explain-error.test.ts');
  expect(text).not.toContain('abcdefghijklmnopqrstuvwxyz0123456789');
});
