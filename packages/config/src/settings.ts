import { CHOICE_STRATEGIES } from './choice-strategies.ts';
import { bytes, boolean, cidrs, duration, host, integer, listen, oneOf, origins, postgresUrl, text, visibleAscii } from './setting-type.ts';
import type { Listen, SettingType } from './setting-type.ts';

/** Another name for a setting, from the programs that Switchyard follows. `values` translates where their words differ from ours. */
interface SettingAlias {
  readonly env: string;
  readonly values?: Readonly<Record<string, string>>;
}

/** One setting: everything that is said about it anywhere is said here. */
export interface Setting<T> {
  readonly type: SettingType<T>;
  readonly default: NoInfer<T>;
  /** What the default does where the value alone does not say it (`0`, empty). */
  readonly defaultMeans?: string;
  /** Environment name; `SWITCHYARD_<KEY>` with dots as underscores when absent. */
  readonly env?: string;
  readonly aliases?: readonly SettingAlias[];
  readonly unit?: string;
  readonly help: string;
  /** Never printed; may be given as `env:NAME` or `file:PATH`. */
  readonly secret?: true;
  /** Not read from the file, because it says where the file is. */
  readonly outsideFile?: true;
  /** Whether a change takes effect in a running server or at the next start. */
  readonly apply: 'restart' | 'hot';
}

/** Keeps the type of each row while the table is checked. */
function row<T>(setting: Setting<T>): Setting<T> {
  return setting;
}

const NEVER = 2 ** 31 - 1; // the longest timer of Node, 24.8 days
const MIB = 2 ** 20;

/** Every setting of Switchyard, by dotted key: section and name in switchyard.toml (product sections 1, 2, 5, 8, 12, 13). */
const SETTINGS = {
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

  'database.url': row({
    type: postgresUrl,
    default: '',
    defaultMeans: 'the PostgreSQL that Switchyard brings and runs itself',
    env: 'DATABASE_URL',
    secret: true,
    apply: 'restart',
    help: 'PostgreSQL to use instead of the embedded one: `postgresql://user:password@host:5432/database`.',
  }),
  'database.pool_size': row({
    type: integer({ min: 2, max: 500 }),
    default: 10,
    apply: 'restart',
    help: 'Connections to PostgreSQL at most.',
  }),

  'secrets.encryption_key': row({
    type: text('32 or more characters'),
    default: '',
    defaultMeans: '`encryption.key` in the home folder, made at the first start',
    env: 'ENCRYPTION_KEY',
    secret: true,
    apply: 'restart',
    help: 'Key that seals stored credentials. Under 32 characters: a warning on loopback, a refusal beyond it. Without it they cannot be read again: keep a copy.',
  }),

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

  'upstream.connect_timeout_ms': row({
    type: duration({ unit: 'ms', min: 100, max: NEVER }),
    default: 5_000,
    unit: 'ms',
    apply: 'restart',
    help: 'Longest wait for a connection to an upstream.',
  }),
  'upstream.request_timeout_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: NEVER }),
    default: 600_000,
    unit: 'ms',
    aliases: [{ env: 'PROXY_TIMEOUT_MS' }],
    apply: 'restart',
    help: 'Longest wait for the head of an upstream answer.',
  }),
  'upstream.compact_timeout_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: NEVER }),
    default: 90_000,
    unit: 'ms',
    apply: 'restart',
    help: 'The same for `/v1/responses/compact`, which has the client stand still.',
  }),
  'upstream.idle_timeout_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: NEVER }),
    default: 300_000,
    unit: 'ms',
    aliases: [{ env: 'PROXY_STREAM_IDLE_TIMEOUT_MS' }],
    apply: 'restart',
    help: 'Longest silence inside an upstream answer.',
  }),

  'affinity.max_responses': row({
    type: integer({ min: 1, max: 1_000_000 }),
    default: 16_384,
    apply: 'restart',
    help: 'Responses whose account is known; the one that was used longest ago is forgotten first.',
  }),
  'affinity.max_turn_states': row({
    type: integer({ min: 1, max: 1_000_000 }),
    default: 2_048,
    apply: 'restart',
    help: 'Turns (`x-codex-turn-state`) whose account is known.',
  }),
  'affinity.max_sessions': row({
    type: integer({ min: 1, max: 1_000_000 }),
    default: 2_048,
    apply: 'restart',
    help: 'Sessions and threads whose account is known.',
  }),

  'websocket.enabled': row({
    type: boolean,
    default: true,
    apply: 'restart',
    help: 'Serve `GET /v1/responses` as a WebSocket. Off, clients such as codex are sent to HTTP.',
  }),
  'websocket.frame_bytes': row({
    type: bytes({ min: 1_024, max: 2 ** 30 }),
    default: 64 * MIB,
    unit: 'bytes',
    apply: 'restart',
    help: 'Largest frame on a WebSocket, from clients and from upstreams; a larger one closes it with 1009.',
  }),
  'websocket.ping_ms': row({
    type: duration({ unit: 'ms', min: 100, max: NEVER }),
    default: 20_000,
    unit: 'ms',
    apply: 'restart',
    help: 'Pings on WebSockets, to both sides; a side that has not answered after a quarter more is cut.',
  }),
  'websocket.retire_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: NEVER }),
    default: 3_300_000,
    unit: 'ms',
    apply: 'restart',
    help: 'Age at which a WebSocket is closed between two turns. Upstreams close theirs at 60 minutes, wherever a turn is.',
  }),

  'limits.body_bytes': row({
    type: bytes({ min: 1_024, max: 2 ** 30 }),
    default: 64 * MIB,
    unit: 'bytes',
    aliases: [{ env: 'MAX_BODY_SIZE' }],
    apply: 'restart',
    help: 'Largest request body.',
  }),
  'limits.body_memory_bytes': row({
    type: bytes({ min: MIB, max: 2 ** 36 }),
    default: 512 * MIB,
    unit: 'bytes',
    apply: 'restart',
    help: 'Memory that all request bodies together may hold; beyond it requests are refused with 503.',
  }),
  'limits.active_requests': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    defaultMeans: 'the smaller of 12000 and half of the free file descriptors',
    apply: 'restart',
    help: 'Requests in work at once; beyond it they are refused with 503 and `Retry-After`.',
  }),
  'limits.requests_per_key': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    defaultMeans: 'half of `limits.active_requests`, and no limit while there is only one key',
    apply: 'restart',
    help: 'Requests that one key may have in work at once; beyond it they are refused with 429 and `Retry-After`, and other keys are not.',
  }),
  'limits.connections_per_address': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    defaultMeans: 'no limit',
    apply: 'restart',
    help: 'Open connections from one client address.',
  }),
  'limits.header_timeout_ms': row({
    type: duration({ unit: 'ms', min: 100, max: NEVER }),
    default: 10_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A client must have sent its request head by then, counted from the connection or the first byte.',
  }),
  'limits.body_timeout_ms': row({
    type: duration({ unit: 'ms', min: 100, max: NEVER }),
    default: 120_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A client must have sent its whole body by then, counted from the end of the head.',
  }),
  'limits.idle_connection_ms': row({
    type: duration({ unit: 'ms', min: 100, max: NEVER }),
    default: 10_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A kept-alive connection without a request is closed after this. Set it above the idle time of a proxy in front.',
  }),
  'limits.stalled_client_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: NEVER }),
    default: 60_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A client that takes nothing of a waiting answer for this long is cut.',
  }),

  'admission.responses_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 75,
    unit: '%',
    apply: 'restart',
    help: 'Share of `limits.active_requests` that responses, chat and completions may take.',
  }),
  'admission.compact_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 25,
    unit: '%',
    apply: 'restart',
    help: 'The same for `/v1/responses/compact`.',
  }),
  'admission.websocket_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 75,
    unit: '%',
    apply: 'restart',
    help: 'The same for turns on WebSockets.',
  }),
  'admission.standard_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 50,
    unit: '%',
    apply: 'restart',
    help: 'The same for everything else.',
  }),
  'admission.queue': row({
    type: integer({ min: 0, max: 100_000 }),
    default: 0,
    defaultMeans: 'a twelfth of `limits.active_requests`, from 128 to 1024',
    apply: 'restart',
    help: 'Requests that may wait for a place at once. When it is full, what was begun least gives way.',
  }),
  'admission.wait_ms': row({
    type: duration({ unit: 'ms', min: 0, max: 60_000 }),
    default: 750,
    unit: 'ms',
    apply: 'restart',
    help: 'Longest wait for a place, before the request is refused with 503 and `Retry-After`.',
  }),
  'admission.pressed_wait_ms': row({
    type: duration({ unit: 'ms', min: 0, max: 60_000 }),
    default: 200,
    unit: 'ms',
    apply: 'restart',
    help: 'The same under pressure: after refusals, with a long queue, or with a slow event loop.',
  }),

  'requests.keep_days': row({
    type: integer({ min: 1, max: 3_650 }),
    default: 7,
    unit: 'days',
    apply: 'restart',
    help: 'How long the request log and its decisions are kept.',
  }),
  'requests.keep_rows': row({
    type: integer({ min: 1_000, max: 1_000_000_000 }),
    default: 1_000_000,
    unit: 'rows',
    apply: 'restart',
    help: 'How many requests are kept at most; the oldest days go first.',
  }),

  'faults.enabled': row({
    type: boolean,
    default: false,
    apply: 'restart',
    help: 'For tests only: make the failures that the other settings of this section ask for. Said as a warning at the start.',
  }),
  'faults.upstream_connect_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many connections to upstreams fail, the first ones; HTTP and WebSocket alike.',
  }),
  'faults.stream_read_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many answers over HTTP break off behind their first bytes, the first ones.',
  }),
  'faults.state_save_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many writes of the request log and the bindings fail, the first ones; each is tried again.',
  }),
  'faults.migration_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many migrations of the database fail when they are nearly done; nothing of them is kept.',
  }),
  'faults.refresh_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many renewals of ChatGPT logins fail, the first ones, without asking their issuer.',
  }),
  'faults.clock_offset_ms': row({
    type: integer({ min: -NEVER * 10, max: NEVER * 10 }),
    default: 0,
    unit: 'ms',
    apply: 'restart',
    help: 'How far the wall clock is off. Time-outs and waits go by another clock, which is not.',
  }),

  'metrics.allow_loopback': row({
    type: boolean,
    default: false,
    env: 'METRICS_ALLOW_LOOPBACK',
    apply: 'restart',
    help: 'Serve `/metrics` to loopback peers without a token.',
  }),
  'log.level': row({
    type: oneOf(['debug', 'info', 'warn', 'error', 'critical'], { trace: 'debug', verbose: 'debug', notice: 'info', warning: 'warn', fatal: 'critical' }),
    default: 'info',
    env: 'LOG_LEVEL',
    apply: 'restart',
    help: 'Least urgent level that is logged.',
  }),
} satisfies Readonly<Record<string, Setting<unknown>>>;

export type SettingKey = keyof typeof SETTINGS;
export type SettingValue<K extends SettingKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;

/** All keys, in the order of the table. */
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The row of a key without its own type, for code that treats all rows alike. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

export function isSettingKey(text: string): text is SettingKey {
  return Object.hasOwn(SETTINGS, text);
}

/** The environment name of a setting. */
export function envName(key: SettingKey): string {
  return settingOf(key).env ?? `SWITCHYARD_${key.replaceAll('.', '_').toUpperCase()}`;
}
