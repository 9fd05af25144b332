import { hash, randomInt } from 'node:crypto';

const PREFIX = 'sk-switchyard-';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
// 32 characters of 62 are 190 bits; 128 are asked for (requirement R10).
const RANDOM_CHARACTERS = 32;

/** A new data-plane key: what clients of the gateway present. Shown once; only its hash is kept. */
export function newDataKey(): string {
  let key = PREFIX;
  for (let n = 0; n < RANDOM_CHARACTERS; n++) key += ALPHABET[randomInt(ALPHABET.length)]!;
  return key;
}

/** SHA-256 of a key. A fast hash is right: the input has at least 128 bits of its own, and every request pays for it. */
export function hashDataKey(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** How a key is shown in lists and logs: our prefix, if it has it, and the last four characters; of a key under 20 characters nothing. */
export function keyHint(key: string): string {
  if (key.length < 20) return '…';
  return `${key.startsWith(PREFIX) ? PREFIX : ''}…${key.slice(-4)}`;
}
