import { randomBytes } from 'node:crypto';
import { Logins } from './chatgpt/logins.ts';
import type { Json, Loose } from './json.ts';
import { ResponseStore } from './response-store.ts';

/** `scriptable`: any model, scripts and `/_control`. `sandbox`: only names that begin `sandbox`, nothing else to steer. */
export type Mode = 'scriptable' | 'sandbox';

/** One request as the surfaces see it. */
export interface Call {
  readonly method: string;
  /** The variable part of an id route, percent-decoded; '' elsewhere. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Loose;
  /** Responses that only the socket knows on which the call came. */
  readonly kept?: ResponseStore;
}

/** What one simulator knows: its models, its stored responses, and a nonce that makes its ids and sealed items its own. */
export class World {
  readonly mode: Mode;
  readonly nonce: string;
  readonly responses = new ResponseStore();
  readonly now: () => number;
  /** What the model says before it quotes the user. */
  readonly greeting: string;
  /** The names in `GET /v1/models`. */
  models: readonly string[];
  /** Whether a name that is not in `models` is refused. */
  strict = false;
  readonly logins: Logins;
  /** The body of `wham/usage`; null for the usual one. */
  usage: Json = null;
  #ids = 0;

  constructor(mode: Mode, now: () => number, nonce: string = randomBytes(6).toString('hex')) {
    this.mode = mode;
    this.now = now;
    this.nonce = nonce;
    this.logins = new Logins(
      (prefix) => this.newId(prefix),
      () => this.seconds(),
    );
    this.greeting = mode === 'sandbox' ? 'Hello from the Switchyard sandbox, where no real model answers. ' : '';
    this.models = mode === 'sandbox' ? ['sandbox'] : ['gpt-5.5', 'gpt-5.5-mini', 'text-embedding-3-small', 'sandbox'];
  }

  serves(model: string): boolean {
    if (this.mode === 'sandbox') return model.startsWith('sandbox');
    return !this.strict || this.models.includes(model);
  }

  /** An id that no other simulator gives out: `resp_<nonce><counter>`; a prefix may bring a `-` of its own. */
  newId(prefix: string): string {
    this.#ids += 1;
    return `${prefix.endsWith('-') ? prefix : `${prefix}_`}${this.nonce}${this.#ids.toString(16).padStart(10, '0')}`;
  }

  /** Seconds since the epoch, as OpenAI shapes count time. */
  seconds(): number {
    return Math.floor(this.now() / 1_000);
  }
}
