import { CHOICE_STRATEGIES } from '../choice-strategies.ts';
import { row } from '../setting.ts';
import { boolean, oneOf, visibleAscii } from '../setting-type.ts';

/** Who may use the gateway, and which account serves whom. */
export const GATEWAY_SETTINGS = {
  'gateway.bootstrap_key': row({
    type: visibleAscii({ min: 20, max: 200 }),
    default: '',
    defaultMeans: 'a key is made at the first start and shown once',
    env: 'SWITCHYARD_BOOTSTRAP_KEY',
    secret: true,
    apply: 'restart',
    aliases: [{ env: 'PROXY_API_KEY' }],
    help: 'Becomes the first data-plane key if it is set at the first start; ignored afterwards.',
  }),
  'gateway.protect_models': row({
    type: boolean,
    default: true,
    env: 'PROXY_PROTECT_MODELS',
    apply: 'restart',
    help: 'Ask for a key on `GET /v1/models` too.',
  }),
  'gateway.account_header': row({
    type: boolean,
    default: true,
    env: 'SWITCHYARD_ACCOUNT_HEADER',
    apply: 'restart',
    help: 'Name the account that answered in `x-switchyard-account`.',
  }),
  'gateway.sandbox': row({
    type: boolean,
    default: true,
    env: 'SWITCHYARD_SANDBOX',
    apply: 'restart',
    help: 'Serve the built-in sandbox account: made-up answers for model names that begin with `sandbox`, no credentials needed.',
  }),

  'choice.strategy': row({
    type: oneOf(CHOICE_STRATEGIES),
    default: 'balance',
    apply: 'restart',
    help: 'How the account of a new conversation is chosen among those that can serve it, where its pool does not say otherwise: `balance` by priority, quota left, requests in flight and health; `cache_first` the same, but first the account that was sent the same `prompt_cache_key`; `performance_first` by first byte; `priority` by that alone; `round_robin` in turns; `least_used` by most quota left; `drain_first` one until it is out; `soonest_reset` by the quota that is full again soonest.',
  }),
};
