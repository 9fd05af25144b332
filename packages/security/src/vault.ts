import { createCipheriv, createDecipheriv, createSecretKey, hash, hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { readOrMakeSecretFile } from './private-file.ts';
import { SecurityRefusal } from './security-refusal.ts';

/**
 * Sealed form: version (1) · key id (8) · nonce (12) · ciphertext · tag (16). AES-256-GCM; the version, the key id and `boundTo` are
 * additional data, so that a value moved to another row or another purpose does not open (requirement R10).
 */
const VERSION = 1;
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + KEY_ID_BYTES;
const MIN_KEY_CHARACTERS = 32;
/** In the home; what is stored cannot be opened without it, unless the key is given otherwise. */
export const KEY_FILE = 'encryption.key';

export interface Vault {
  /** Names the root key without telling it; 16 hexadecimal digits, in every sealed value and fit for logs. */
  readonly keyId: string;
  /** @param boundTo  The one place the value is valid in, such as `account:acct_…:credential`. */
  seal(plaintext: string, boundTo: string): Buffer;
  /** @throws VaultError when the key, the place or a byte is not the one it was sealed with. */
  open(sealed: Uint8Array, boundTo: string): string;
}

export interface VaultOptions {
  readonly home: string;
  /** `ENCRYPTION_KEY`; absent or empty: `$home/encryption.key`, made at the first start. */
  readonly encryptionKey?: string;
  /** Whether the server listens on loopback only: there a short key is a warning, elsewhere a refusal (product section 8). */
  readonly loopback: boolean;
  readonly log: { warn(event: string, message: string, fields?: { setting?: string; remedy?: string }): void };
}

/** Why a sealed value did not open. `wrong_key` means that another root key sealed it; `damaged` that it is not what was stored here. */
export class VaultError extends Error {
  readonly reason: 'wrong_key' | 'damaged';
  constructor(reason: 'wrong_key' | 'damaged', message: string) {
    super(message);
    this.name = 'VaultError';
    this.reason = reason;
  }
}

/**
 * Opens the vault that seals secrets at rest.
 * @throws SecurityRefusal with the remedy when the key is too short for an address beyond loopback, or its file cannot be trusted
 */
export function openVault(options: VaultOptions): Vault {
  const root = rootKey(options);
  // As a key object: plain bytes are made into one for each value, which takes 40 µs of the 50 that opening one then takes.
  const sealing = createSecretKey(Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), 'switchyard secrets at rest v1', 32)));
  const keyIdBytes = Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), 'switchyard key id v1', KEY_ID_BYTES));
  const keyId = keyIdBytes.toString('hex');
  const head = Buffer.concat([Buffer.of(VERSION), keyIdBytes]);
  return {
    keyId,
    seal(plaintext, boundTo) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(boundData(head, boundTo));
      return Buffer.concat([head, nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, boundTo) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (bytes.length < HEAD_BYTES + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION)
        throw new VaultError('damaged', `the sealed value of ${boundTo} is damaged; restore it or enter it again`);
      const theirs = bytes.toString('hex', 1, HEAD_BYTES);
      if (theirs !== keyId) {
        throw new VaultError(
          'wrong_key',
          `${boundTo} was sealed with the encryption key ${theirs}, but the key in use is ${keyId}; put the former ENCRYPTION_KEY or $SWITCHYARD_HOME/${KEY_FILE} back`,
        );
      }
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(boundData(head, boundTo));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES + NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
      } catch {
        throw new VaultError('damaged', `the sealed value of ${boundTo} is damaged or was stored for something else; restore it or enter it again`);
      }
    },
  };
}

function boundData(head: Buffer, boundTo: string): Buffer {
  return Buffer.concat([head, Buffer.from(boundTo, 'utf8')]);
}

function rootKey({ home, encryptionKey, loopback, log }: VaultOptions): Buffer {
  if (encryptionKey !== undefined && encryptionKey !== '') {
    if (encryptionKey.length < MIN_KEY_CHARACTERS) {
      const what = `ENCRYPTION_KEY (secrets.encryption_key) has ${encryptionKey.length} characters; it should have at least ${MIN_KEY_CHARACTERS}`;
      const remedy = 'make one with: openssl rand -base64 32';
      if (!loopback) throw new SecurityRefusal(`${what} before Switchyard listens beyond loopback; ${remedy}`);
      log.warn('encryption_key_short', `${what}; ${remedy}`, { setting: 'secrets.encryption_key', remedy });
    }
    return hash('sha256', encryptionKey, 'buffer');
  }
  const path = join(home, KEY_FILE);
  const { text } = readOrMakeSecretFile(path, () => randomBytes(32).toString('base64url'));
  if (text.length < MIN_KEY_CHARACTERS)
    throw new SecurityRefusal(`${path} is damaged (${text.length} characters); put the file from your backup back, without it stored secrets cannot be read`);
  return hash('sha256', text, 'buffer');
}
