import { addAccount, draftOf, removeAccount } from '../src/index.ts';
import type { Gateways } from './gateways.ts';
import type { Upstream } from './upstream.ts';

/** The upstreams that are accounts of the gateways. */
export class LinkedAccounts {
  readonly #gateways: Gateways;
  /** By number; of one that was taken away, its last. */
  readonly #ids: string[] = [];
  #named = 0;
  #linked = 0;

  constructor(gateways: Gateways) {
    this.#gateways = gateways;
  }

  /** The id of an account, as the gateways know it. */
  idOf(number: number): string {
    return this.#ids[number]!;
  }

  /** Makes an upstream an account, under a name that it has not had before. */
  async link(upstream: Upstream): Promise<void> {
    upstream.name = `${'abcd'[upstream.number]!}${++this.#named}`;
    const draft = draftOf({
      name: upstream.name,
      kind: 'openai-compatible',
      base_url: `http://127.0.0.1:${upstream.port}/v1`,
      credential: `sk-test-account-${upstream.number}-not-a-secret`,
      models: ['m'],
      websocket: true,
    });
    const { id } = await addAccount(this.#gateways.first.gateway.control, draft);
    this.#ids[upstream.number] = id;
    this.#linked++;
    await this.#areKnown();
  }

  /** Takes an account away, with all that it owns. */
  async unlink({ number }: Upstream): Promise<void> {
    await removeAccount(this.#gateways.first.gateway.control, this.idOf(number));
    this.#linked--;
    await this.#areKnown();
  }

  #areKnown(): Promise<void> {
    return this.#gateways.spread(async (life) => (await life.accounts()) === this.#linked);
  }
}
