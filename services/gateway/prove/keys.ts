import { createKey, endKey } from '../src/index.ts';
import type { Gateways } from './gateways.ts';

export interface Key {
  readonly id: string;
  readonly secret: string;
  isRevoked: boolean;
}

/** The keys of a case. */
export class Keys {
  #all: Key[] = [];
  readonly #gateways: Gateways;
  #made = 0;

  constructor(gateways: Gateways) {
    this.#gateways = gateways;
  }

  /** Those that may be used. */
  get all(): readonly Key[] {
    return this.#all;
  }

  async add(): Promise<void> {
    const { first } = this.#gateways;
    const { id, key } = await createKey(first.gateway.control, { name: `proof-${++this.#made}`, models: null, accounts: null });
    await this.#gateways.spread(async ({ url }) => (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
    this.#all.push({ id, secret: key, isRevoked: false });
  }

  async revoke(key: Key): Promise<void> {
    key.isRevoked = true;
    this.#all = this.#all.filter((each) => each !== key);
    await endKey(this.#gateways.first.gateway.control, key.id);
  }

  /** Ends all, and makes two new ones. */
  async begin(): Promise<void> {
    if (this.#all.length > 0) await this.#gateways.query('update gateway.key set revoked_at = now() where id = any($1)', [this.#all.map(({ id }) => id)]);
    this.#all = [];
    await this.add();
    await this.add();
  }
}
