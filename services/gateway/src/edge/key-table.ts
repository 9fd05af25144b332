import { hash } from 'node:crypto';

/** A data-plane key as the hot path sees it. The key itself is nowhere: it is looked up by its hash. */
export interface KeyRecord {
  readonly id: string;
  readonly name: string;
  /** Model names it may use; null is all. */
  readonly models: ReadonlySet<string> | null;
  /** Ids of the accounts it may use; null is all. */
  readonly accounts: ReadonlySet<string> | null;
  /** Name of the pool that serves it; null is the default one. */
  readonly pool: string | null;
  /** What it has going on; one and the same for as long as the key lives. */
  readonly load: KeyLoad;
}

/** What a key has going on. */
export interface KeyLoad {
  /** Requests in progress. */
  active: number;
  /** Open WebSockets. */
  sockets: number;
}

/** A key with the digest that stands for it. */
export interface StoredKey extends Omit<KeyRecord, 'load'> {
  readonly digest: Buffer;
}

/** Longest key that is looked at; longer ones are refused without hashing. */
const MAX_KEY_LENGTH = 200;

/**
 * All live keys in memory. A look-up hashes what was sent and asks a map, so its time depends on nothing secret (requirements R1, R10).
 * A key that has been found once is recognised by its text from then on, which saves the hash (3 % of a small request); what is not a key
 * is never kept. The table is replaced whole on every change, and with it what has been recognised.
 */
export class KeyTable {
  #byDigest = new Map<string, KeyRecord>();
  #recognised = new Map<string, KeyRecord>();

  replace(keys: readonly StoredKey[]): void {
    const loads = new Map<string, KeyLoad>();
    for (const { id, load } of this.#byDigest.values()) loads.set(id, load);
    this.#byDigest = new Map(
      keys.map(({ digest, ...record }) => [digest.toString('latin1'), { ...record, load: loads.get(record.id) ?? { active: 0, sockets: 0 } }]),
    );
    this.#recognised = new Map();
  }

  get size(): number {
    return this.#byDigest.size;
  }

  find(presented: string): KeyRecord | undefined {
    if (presented.length > MAX_KEY_LENGTH) return undefined;
    const known = this.#recognised.get(presented);
    if (known !== undefined) return known;
    const found = this.#byDigest.get(hash('sha256', presented, 'binary'));
    if (found !== undefined) this.#recognised.set(presented, found);
    return found;
  }
}
