import { row } from '../setting.ts';
import { boolean, visibleAscii } from '../setting-type.ts';

/** Who may use the gateway, and what it tells. */
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
};
