import { SwitchyardError } from '@switchyard/contracts';
import { isObject } from './json.ts';

/** Looks at a value and throws `invalid_value`, naming the place, when it is not what it should be. */
export type Check = (value: unknown, place: string) => void;

function refuse(place: string, expected: string, value: unknown): never {
  const shown = value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value);
  const got = shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
  throw new SwitchyardError('invalid_value', `Script: ${place}: expected ${expected}, got ${got}.`, { param: place });
}

export function text(value: unknown, place: string): void {
  if (typeof value !== 'string') refuse(place, 'a string', value);
}

export function flag(value: unknown, place: string): void {
  if (typeof value !== 'boolean') refuse(place, 'true or false', value);
}

export function json(): void {
  // Scripts come from JSON or from typed code: any value will do.
}

export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Check {
  return (value, place) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      refuse(place, most === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${least}` : `a whole number from ${least} to ${most}`, value);
    }
  };
}

export function amount(value: unknown, place: string): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) refuse(place, 'a number', value);
}

export function oneOf(names: readonly unknown[]): Check {
  return (value, place) => {
    if (!names.includes(value)) refuse(place, `one of ${names.map((name) => JSON.stringify(name)).join(', ')}`, value);
  };
}

export function base64(value: unknown, place: string): void {
  if (typeof value !== 'string' || Buffer.from(value, 'base64').toString('base64') !== value) refuse(place, 'base64 with padding', value);
}

export function list(each: Check): Check {
  return (value, place) => {
    if (!Array.isArray(value)) refuse(place, 'a list', value);
    for (const [index, item] of (value as readonly unknown[]).entries()) each(item, `${place}[${index}]`);
  };
}

export function record(each: Check): Check {
  return (value, place) => {
    if (!isObject(value)) refuse(place, 'an object', value);
    for (const [name, item] of Object.entries(value)) each(item, `${place}.${name}`);
  };
}

/** An object with these members and no others; `needed` ones must be there. */
export function shape(members: Readonly<Record<string, Check>>, needed: readonly string[] = []): Check {
  return (value, place) => {
    if (!isObject(value)) refuse(place, 'an object', value);
    for (const [name, item] of Object.entries(value)) {
      const check = members[name];
      const where = place === '' ? name : `${place}.${name}`;
      if (check === undefined) refuse(where, `one of the members ${Object.keys(members).join(', ')}`, `the member ${name}`);
      if (item !== undefined) check(item, where);
    }
    for (const name of needed) if (value[name] === undefined) refuse(place === '' ? name : `${place}.${name}`, 'a value', undefined);
  };
}

/** Passes what one of the checks passes; the refusal says what was expected. */
export function either(expected: string, ...checks: readonly Check[]): Check {
  return (value, place) => {
    for (const check of checks) {
      try {
        check(value, place);
        return;
      } catch (error) {
        if (!(error instanceof SwitchyardError)) throw error;
      }
    }
    refuse(place, expected, value);
  };
}
