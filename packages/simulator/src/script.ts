import type { Behaviour } from './behaviour.ts';
import type { Check } from './check.ts';
import { amount, base64, either, flag, json, list, oneOf, record, shape, text, whole } from './check.ts';
import type { Login } from './chatgpt/logins.ts';
import type { Json } from './json.ts';
import { MALFORMATIONS } from './malform.ts';
import { PRESETS } from './presets.ts';
import { TRANSPORTS } from './received.ts';
import type { Transport } from './received.ts';

/** Which requests a rule is for. Every member that is given must hold. */
export interface Match {
  readonly method?: string;
  /** The whole path (`/v1/responses`); a `*` at the end stands for any rest. */
  readonly path?: string;
  readonly model?: string;
  /** A label from `keys`, or `sha256:` and the first hex digits of the key. */
  readonly key?: string;
  /** How a turn came. A rule without it is for both; the upgrade of a socket itself asks only rules with `method: 'GET'`. */
  readonly transport?: Transport;
  /** Only the nth request (from 1) that the other members hold for. */
  readonly nth?: number;
}

/** One behaviour and the requests that get it. */
export interface Rule {
  readonly match?: Match;
  /** How many requests it answers before it is used up; 1 unless said otherwise. */
  readonly times?: number | 'always';
  readonly answer: Behaviour;
}

/**
 * A script as data. For each request the first rule that matches and is not used up decides; without one the simulator
 * answers as usual.
 */
export interface Script {
  readonly rules?: readonly Rule[];
  /** The served models; others are refused with `model_not_found`. */
  readonly models?: readonly string[];
  /** Accepted keys by label; any other is refused with 401. */
  readonly keys?: Readonly<Record<string, string>>;
  /** ChatGPT logins by label, whose access tokens are accepted as keys and whose refresh tokens can be used once; others are refused with 401. */
  readonly logins?: Readonly<Record<string, Login>>;
  /** The body of `GET /backend-api/wham/usage`. */
  readonly usage?: Json;
  /** False: pings on sockets are not answered, as by a peer that has vanished. */
  readonly pongs?: boolean;
}

const headerValue = either('a string or a list of strings', text, list(text));
const quotaWindow = shape({ usedPercent: amount, windowMinutes: whole(0), resetAt: whole(0) }, ['usedPercent']);
const place = ['before_head', 'after_head'];

const call = shape({ name: text, arguments: either('an object or JSON text', text, record(json)), input: text }, ['name']);
const say = shape({
  text: either('a string or a list of strings', text, list(text)),
  reasoning: text,
  refusal: text,
  calls: list(call),
  usage: either(
    'null or { input, output }',
    oneOf([null]),
    shape({ input: whole(0), output: whole(0), cached: whole(0), reasoning: whole(0) }, ['input', 'output']),
  ),
});
const end = either(
  '"completed", "none", { failed: { code } }, { incomplete: reason } or { error: {} }',
  oneOf(['completed', 'none']),
  shape({ failed: shape({ code: text, message: text }, ['code']) }, ['failed']),
  shape({ incomplete: text }, ['incomplete']),
  shape({ error: shape({ code: text, message: text }) }, ['error']),
);

const behaviour = shape({
  preset: oneOf(Object.keys(PRESETS)),
  status: whole(200, 599),
  headers: record(either('a string, a list of strings or null', headerValue, oneOf([null]))),
  quota: shape({
    primary: quotaWindow,
    secondary: quotaWindow,
    limitName: text,
    credits: shape({ hasCredits: flag, unlimited: flag, balance: text }, ['hasCredits', 'unlimited', 'balance']),
  }),
  body: json,
  text,
  chunks: list(base64),
  raw: flag,
  slice: whole(1),
  malformed: oneOf(Object.keys(MALFORMATIONS)),
  gzip: flag,
  contentLength: whole(0),
  binary: flag,
  close: shape({ code: whole(1_000, 4_999), at: whole(0) }, ['code']),
  say,
  before: list(record(json)),
  end,
  stream: shape({ events: whole(0), bytes: whole(0) }, ['events', 'bytes']),
  informational: list(shape({ status: whole(100, 199), headers: record(text) }, ['status'])),
  delayMs: whole(0),
  intervalMs: whole(0),
  hold: shape({ at: either('"before_head", "after_head" or a number of events', oneOf(place), whole(0)), gate: text }, ['at']),
  cut: shape(
    {
      at: either(
        '"before_head", "after_head", { bytes } or { units }',
        oneOf(place),
        shape({ bytes: whole(0) }, ['bytes']),
        shape({ units: whole(0) }, ['units']),
      ),
      how: oneOf(['close', 'reset']),
    },
    ['at'],
  ),
} satisfies Record<keyof Behaviour, Check>);

const match = shape({ method: text, path: text, model: text, key: text, transport: oneOf(TRANSPORTS), nth: whole(1) });
const login = shape({ accountId: text, refreshToken: text, accessToken: text, lastsS: whole(1) }, ['accountId', 'refreshToken']);
const script = shape({
  rules: list(shape({ match, times: either('"always" or a whole number of at least 1', oneOf(['always']), whole(1)), answer: behaviour }, ['answer'])),
  models: list(text),
  keys: record(text),
  logins: record(login),
  usage: record(json),
  pongs: flag,
});

/**
 * Checks a script that came from outside.
 * @throws SwitchyardError `invalid_value` with the place (`rules[2].answer.cut.at`) and what was expected there.
 */
export function parseScript(value: unknown): Script {
  script(value, '');
  return value as Script;
}
