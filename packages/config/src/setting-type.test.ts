import { expect, test } from 'vitest';

import { ValueRefusal, boolean, bytes, cidrs, duration, host, integer, list, listen, oneOf, origins, postgresUrl, visibleAscii } from './setting-type.ts';
import type { SettingType } from './setting-type.ts';

const port = integer({ min: 0, max: 65_535 });
const wait = duration({ unit: 'ms', min: 100, max: 600_000 });
const drain = duration({ unit: 's', min: 1, max: 600 });
const size = bytes({ min: 1, max: 2 ** 30 });
const level = oneOf(['info', 'warn'], { warning: 'warn' });
const key = visibleAscii({ min: 20, max: 30 });
const words = list('words', (word) => [word], 3);

const accepted: readonly (readonly [string, SettingType<unknown>, string, unknown])[] = [
  ['integer', port, '4700', 4_700],
  ['integer', port, ' 0 ', 0],
  ['integer', port, '65_535', 65_535],
  ['duration', wait, '250', 250],
  ['duration', wait, '10s', 10_000],
  ['duration', wait, '5 m', 300_000],
  ['duration in seconds', drain, '2m', 120],
  ['duration in seconds', drain, '30', 30],
  ['size', size, '1024', 1_024],
  ['size', size, '64MiB', 67_108_864],
  ['size', size, '10 mb', 10_000_000],
  ['boolean', boolean, 'TRUE', true],
  ['boolean', boolean, '1', true],
  ['boolean', boolean, 'off', false],
  ['choice', level, 'WARN', 'warn'],
  ['choice', level, 'warning', 'warn'],
  ['list', words, 'a, b,,a', ['a', 'b']],
  ['host', host, '0.0.0.0', '0.0.0.0'],
  ['host', host, '[::1]', '::1'],
  ['host', host, 'switchyard.local', 'switchyard.local'],
  ['listen', listen, '127.0.0.1:4701', { host: '127.0.0.1', port: 4_701 }],
  ['listen', listen, '[::]:0', { host: '::', port: 0 }],
  ['ranges', cidrs, '10.0.0.0/8,192.168.1.1, ::1', ['10.0.0.0/8', '192.168.1.1/32', '::1/128']],
  ['ranges', cidrs, 'loopback', ['127.0.0.0/8', '::1/128']],
  ['origins', origins, 'https://a.example,http://localhost:3000', ['https://a.example', 'http://localhost:3000']],
  ['database URL', postgresUrl, 'postgres://u:p@h/d', 'postgres://u:p@h/d'],
  ['key', key, 'k'.repeat(20), 'k'.repeat(20)],
];

test.each(accepted)('%s: %o reads %s', (_, type, text, value) => {
  expect(type.fromText(text)).toEqual(value);
});

test.each(accepted)('%s: %o reads again what it shows of %s', (_, type, text) => {
  const value = type.fromText(text);
  expect(type.fromText(type.show(value))).toEqual(value);
});

test.each([
  [port, '65536'],
  [port, '-1'],
  [port, '1.5'],
  [port, '0x10'],
  [port, '1e3'],
  [port, 'abc'],
  [port, '__1'],
  [wait, '99'],
  [wait, '1w'],
  [wait, '-5s'],
  [wait, '11m'],
  [drain, '500ms'],
  [drain, '0'],
  [size, '1PB'],
  [size, '2GiB'],
  [size, '1.5MB'],
  [boolean, 'maybe'],
  [boolean, '2'],
  [level, 'loud'],
  [level, '__proto__'],
  [words, 'a,b,c,d'],
  [host, 'a b'],
  [host, '1.2.3'],
  [host, '-a'],
  [host, 'http://a'],
  [host, ''],
  [listen, '127.0.0.1'],
  [listen, '::1:4701'],
  [listen, 'a:65536'],
  [cidrs, '10.0.0.0/33'],
  [cidrs, 'everyone'],
  [cidrs, '::/129'],
  [origins, 'https://a.example/path'],
  [origins, 'https://u:p@a.example'],
  [origins, '*'],
  [postgresUrl, 'mysql://h/d'],
  [postgresUrl, 'not a url'],
  [key, 'short'],
  [key, 'k'.repeat(31)],
  [key, 'has a space in its text'],
  [key, 'has-an-umlaut-ä-in-its-text'],
] as [SettingType<unknown>, string][])('%o refuses %j, and says what to write', (type, text) => {
  expect(() => type.fromText(text)).toThrow(ValueRefusal);
  expect(() => type.fromText(text)).toThrow(/^must /);
});

test.each([
  [port, '4700'],
  [port, 4700.5],
  [port, true],
  [wait, true],
  [wait, [1]],
  [boolean, 'true'],
  [boolean, 1],
  [level, 1],
  [words, 'a,b'],
  [words, ['a', 1]],
  [host, 1],
  [listen, { host: 'a', port: 1 }],
  [key, {}],
] as [SettingType<unknown>, unknown][])('%o refuses a value of another kind in TOML: %j', (type, value) => {
  expect(() => type.fromToml(value)).toThrow(ValueRefusal);
});

test('TOML takes numbers and arrays as such, and times and sizes also as text', () => {
  expect(port.fromToml(1)).toBe(1);
  expect(wait.fromToml('10s')).toBe(10_000);
  expect(size.fromToml('1KiB')).toBe(1_024);
  expect(size.fromToml(9)).toBe(9);
  expect(words.fromToml(['a', 'b'])).toEqual(['a', 'b']);
  expect(boolean.fromToml(false)).toBe(false);
});
