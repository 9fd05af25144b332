import { row } from '../setting.ts';
import { boolean, cidrs, duration, host, integer, listen, oneOf, origins, text, visibleAscii } from '../setting-type.ts';
import type { Listen } from '../setting-type.ts';

/** Where everything lies, and what listens where (product sections 1, 12, 13). */
export const SERVER_SETTINGS = {
  home: row({
    type: text('folder'),
    default: '~/.switchyard',
    env: 'SWITCHYARD_HOME',
    aliases: [{ env: 'DATA_DIR' }],
    outsideFile: true,
    apply: 'restart',
    help: 'Folder of all state: database, keys, logs of PostgreSQL, switchyard.toml. Closed to other users.',
  }),
  config: row({
    type: text('file'),
    default: '',
    defaultMeans: 'switchyard.toml in the home folder, if it is there',
    env: 'SWITCHYARD_CONFIG',
    outsideFile: true,
    apply: 'restart',
    help: 'The settings file. One that is named here must exist.',
  }),

  'server.host': row({
    type: host,
    default: '127.0.0.1',
    env: 'SWITCHYARD_HOST',
    apply: 'restart',
    aliases: [{ env: 'PROXY_HOST' }, { env: 'ALLOW_LAN_ACCESS', values: { true: '0.0.0.0', false: '127.0.0.1', 1: '0.0.0.0', 0: '127.0.0.1' } }],
    help: 'Address that the gateway listens on. Beyond loopback, put TLS in front.',
  }),
  'server.port': row({
    type: integer({ min: 0, max: 65_535 }),
    default: 4_700,
    env: 'SWITCHYARD_PORT',
    aliases: [{ env: 'PORT' }],
    apply: 'restart',
    help: 'Port that the gateway listens on; 0 takes a free one.',
  }),
  'server.drain_timeout_secs': row({
    type: duration({ unit: 's', min: 1, max: 600 }),
    default: 10,
    env: 'SHUTDOWN_DRAIN_TIMEOUT_SECS',
    unit: 's',
    apply: 'restart',
    help: 'How long running requests may take to end after SIGTERM, before they are cut.',
  }),
  'server.trusted_proxies': row({
    type: cidrs,
    default: [],
    defaultMeans: 'the socket address alone counts',
    env: 'SWITCHYARD_TRUSTED_PROXIES',
    aliases: [{ env: 'PROXY_TRUST_PROXY' }],
    apply: 'restart',
    help: 'Peers whose `x-forwarded-for` and `x-real-ip` are believed.',
  }),
  'server.cors': row({
    type: oneOf(['strict', 'permissive']),
    default: 'strict',
    env: 'SWITCHYARD_CORS',
    apply: 'restart',
    help: 'Which browser origins may call: `strict` allows localhost and `server.cors_origins`, `permissive` any, with a warning at start.',
  }),
  'server.cors_origins': row({
    type: origins,
    default: [],
    apply: 'restart',
    env: 'SWITCHYARD_CORS_ORIGINS',
    help: 'Origins allowed beside localhost under `strict`.',
  }),

  'admin.token': row({
    type: visibleAscii({ min: 20, max: 200 }),
    default: '',
    defaultMeans: '`admin.token` in the home folder, made at the first start',
    secret: true,
    apply: 'restart',
    aliases: [{ env: 'WEB_PASSWORD' }],
    help: 'Token for `/api` and the command line, sent as `Authorization: Bearer`. Never a data key.',
  }),
  'admin.listen': row({
    type: listen,
    default: { host: '127.0.0.1', port: 4_701 } as Listen,
    apply: 'restart',
    help: 'Where admin routes listen when `server.host` is beyond loopback and `admin.expose` is off.',
  }),
  'admin.expose': row({
    type: boolean,
    default: false,
    apply: 'restart',
    help: 'Serve admin routes on `server.host` even beyond loopback.',
  }),
};
