import { ACCOUNT_RULES, accountHeadersProblem, isBuiltInName } from './account-rules.ts';
import { AbsentSecret } from './secret-reference.ts';
import { ValueRefusal, boolean, integer } from './setting-type.ts';
import type { TomlPath } from './toml-places.ts';
import { nearestName } from './suggest.ts';

/** Kinds of account that a file may declare; the sandbox account is built in. */
export const ACCOUNT_KINDS = ['openai', 'openai-compatible'] as const;
export type AccountKind = (typeof ACCOUNT_KINDS)[number];

/** An account declared in switchyard.toml as `[[accounts]]`. What the API adds is stored elsewhere and may not take one of these names. */
export interface AccountEntry {
  readonly name: string;
  readonly kind: AccountKind;
  /** Without a slash at the end. */
  readonly baseUrl: string;
  /** Secret; null only for `openai-compatible` servers that ask for none. */
  readonly apiKey: string | null;
  /** Names this account serves; null: ask the upstream. */
  readonly models: readonly string[] | null;
  /** Lower is asked first. */
  readonly priority: number;
  readonly organization: string | null;
  readonly project: string | null;
  /** Sent with every request to this account; values may be secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it speaks WebSocket on `/responses`. */
  readonly websocket: boolean;
  /** Requests in flight at which it is passed over, and from which others go first; null: no limit. */
  readonly maxInFlight: number | null;
  readonly softInFlight: number | null;
  /** Percent of its quota that is kept for what it owns. */
  readonly reservePercent: number;
  /** The names that its upstream has for models, by ours. */
  readonly modelMap: Readonly<Record<string, string>>;
  /** `file:line:column` of the entry. */
  readonly place: string;
}

/** One row per key of `[[accounts]]`; the docs page and the JSON schema are printed from it. */
export const ACCOUNT_FIELDS = {
  name: {
    says: 'text',
    required: true,
    help: 'Unique; letters, digits, `.`, `_`, `-`. `sandbox` is taken.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
  },
  kind: {
    says: 'one of openai, openai-compatible',
    required: true,
    help: '`openai` for the OpenAI API, `openai-compatible` for any server that speaks it.',
    schema: { enum: [...ACCOUNT_KINDS] },
  },
  base_url: { says: 'URL', required: false, help: 'Address with its `/v1`; may be left out for `openai`.', schema: { type: 'string', pattern: '^https?://' } },
  api_key: { says: 'secret', required: false, help: 'Credential, best as `env:NAME` or `file:PATH`; required for `openai`.', schema: { type: 'string' } },
  models: {
    says: 'list of text',
    required: false,
    help: 'Model names it serves; left out, the upstream is asked.',
    schema: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
  },
  priority: {
    says: 'a whole number from 0 to 1000000',
    required: false,
    help: 'Lower is asked first; 100 when left out.',
    schema: { type: 'integer', minimum: 0, maximum: 1_000_000 },
  },
  max_in_flight: {
    says: 'a whole number from 1 to 1000000',
    required: false,
    help: 'Requests at once at most; no limit when left out.',
    schema: { type: 'integer', minimum: 1, maximum: 1_000_000 },
  },
  soft_in_flight: {
    says: 'a whole number from 1 to 1000000',
    required: false,
    help: 'From so many requests at once on, other accounts go first; no limit when left out.',
    schema: { type: 'integer', minimum: 1, maximum: 1_000_000 },
  },
  reserve_percent: {
    says: 'a whole number from 0 to 99',
    required: false,
    help: 'With no more than this left of its quota it only continues what it began; 0 when left out.',
    schema: { type: 'integer', minimum: 0, maximum: 99 },
  },
  model_map: {
    says: 'table of text',
    required: false,
    help: 'Models that it serves under a name of ours, with the name that its upstream has for them, such as `{ "gpt-5.5" = "prod-gpt55" }`. The name in the request is replaced, and nothing else.',
    schema: { type: 'object', additionalProperties: { type: 'string', minLength: 1 } },
  },
  organization: { says: 'text', required: false, help: 'Sent as `openai-organization`.', schema: { type: 'string' } },
  project: { says: 'text', required: false, help: 'Sent as `openai-project`.', schema: { type: 'string' } },
  headers: {
    says: 'table of text',
    required: false,
    help: 'Extra headers of every request to it, such as `api-key`; a value may be `env:NAME` or `file:PATH`. Not `authorization`, and none of those that frame a message or tell of the client.',
    schema: { type: 'object', additionalProperties: { type: 'string' } },
  },
  websocket: {
    says: 'true or false',
    required: false,
    help: 'It speaks WebSocket on `/responses`, as the OpenAI API does; false when left out, and clients such as codex then use HTTP.',
    schema: { type: 'boolean' },
  },
} as const satisfies Readonly<Record<string, { says: string; required: boolean; help: string; schema: Readonly<Record<string, unknown>> }>>;

const OPENAI_BASE_URL = 'https://api.openai.com/v1';
const PRIORITY = integer({ min: 0, max: 1_000_000 });
const IN_FLIGHT = integer({ min: 1, max: 1_000_000 });
const RESERVE = integer({ min: 0, max: 99 });

export interface AccountReading {
  /** Resolves a secret as it stands in the file; throws AbsentSecret, ValueRefusal. */
  readonly secret: (text: string) => string;
  readonly place: (path: TomlPath) => string;
  readonly refuse: (key: string, place: string, problem: string) => void;
  /** Told of secrets that this shell lacks; when absent they are refused. */
  readonly lacks?: (key: string, place: string, problem: string) => void;
}

/** Reads `[[accounts]]`; what is wrong goes to `refuse`, all of it, and a wrong entry is left out of the result. */
export function readAccounts(value: unknown, reading: AccountReading): readonly AccountEntry[] {
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'object' || each === null || Array.isArray(each))) {
    reading.refuse('accounts', reading.place(['accounts']), 'must be written as [[accounts]], one such table for each account');
    return [];
  }
  const entries: AccountEntry[] = [];
  const places = new Map<string, string>();
  value.forEach((each: Record<string, unknown>, n) => {
    const entry = readAccount(each, n, reading);
    if (entry === null) return;
    const first = places.get(entry.name.toLowerCase());
    if (first === undefined) {
      places.set(entry.name.toLowerCase(), entry.place);
      entries.push(entry);
    } else reading.refuse(`accounts[${n}].name`, reading.place(['accounts', n, 'name']), `is taken by the account at ${first}; choose another`);
  });
  return Object.freeze(entries);
}

function readAccount(raw: Readonly<Record<string, unknown>>, n: number, { secret, place, refuse, lacks }: AccountReading): AccountEntry | null {
  let sound = true;
  const wrong = (field: string, problem: string): null => {
    refuse(`accounts[${n}].${field}`, place(['accounts', n, field]), problem);
    sound = false;
    return null;
  };
  const read = <T>(field: keyof typeof ACCOUNT_FIELDS, as: (value: unknown) => T): T | null => {
    const value = raw[field];
    if (value === undefined) return ACCOUNT_FIELDS[field].required ? wrong(field, `is missing; add ${field} (${ACCOUNT_FIELDS[field].says})`) : null;
    try {
      return as(value);
    } catch (error) {
      if (error instanceof AbsentSecret && lacks) {
        lacks(`accounts[${n}].${field}`, place(['accounts', n, field]), error.message);
        return null;
      }
      if (error instanceof ValueRefusal) return wrong(field, error.message);
      throw error;
    }
  };

  for (const field of Object.keys(raw)) {
    if (Object.hasOwn(ACCOUNT_FIELDS, field)) continue;
    const near = nearestName(field, Object.keys(ACCOUNT_FIELDS));
    wrong(field, `is not a field of an account; ${near === null ? `an account has ${Object.keys(ACCOUNT_FIELDS).join(', ')}` : `did you mean ${near}?`}`);
  }
  const name = read('name', accountName);
  const kind = read('kind', accountKind);
  const baseUrl = read('base_url', accountBaseUrl);
  const apiKey = read('api_key', (value) => heldTo('credential', secret(textOf(value))));
  const models = read('models', modelNames);
  const priority = read('priority', (value) => PRIORITY.fromToml(value));
  const maxInFlight = read('max_in_flight', (value) => IN_FLIGHT.fromToml(value));
  const softInFlight = read('soft_in_flight', (value) => IN_FLIGHT.fromToml(value));
  const reservePercent = read('reserve_percent', (value) => RESERVE.fromToml(value));
  const modelMap = read('model_map', namesByName);
  const organization = read('organization', (value) => heldTo('label', textOf(value)));
  const project = read('project', (value) => heldTo('label', textOf(value)));
  const headers = read('headers', (value) => extraHeaders(value, secret));
  const websocket = read('websocket', (value) => boolean.fromToml(value));
  if (kind === 'openai' && raw['api_key'] === undefined) wrong('api_key', 'is missing; add api_key = "env:NAME" and set that variable');
  if (kind === 'openai-compatible' && raw['base_url'] === undefined) wrong('base_url', 'is missing; add base_url = "http://HOST:PORT/v1"');
  if (maxInFlight !== null && softInFlight !== null && softInFlight > maxInFlight) wrong('soft_in_flight', 'must not be above max_in_flight');
  if (!sound || name === null || kind === null) return null;
  return Object.freeze({
    name,
    kind,
    baseUrl: baseUrl ?? OPENAI_BASE_URL,
    apiKey,
    models,
    priority: priority ?? 100,
    organization,
    project,
    headers: headers ?? Object.freeze({}),
    websocket: websocket ?? false,
    maxInFlight,
    softInFlight,
    reservePercent: reservePercent ?? 0,
    modelMap: modelMap ?? Object.freeze({}),
    place: place(['accounts', n]),
  });
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new ValueRefusal('must be text in quotes, not empty');
  return value;
}

/** The name of an account, as it stands in headers, logs and metrics. @throws ValueRefusal */
export function accountName(value: unknown): string {
  const name = heldTo('name', textOf(value));
  if (isBuiltInName(name)) throw new ValueRefusal('is the name of the built-in account; choose another');
  return name;
}

function accountKind(value: unknown): AccountKind {
  const kind = ACCOUNT_KINDS.find((each) => each === value);
  if (kind === undefined) throw new ValueRefusal(`must be one of ${ACCOUNT_KINDS.join(', ')}`);
  return kind;
}

/** The base URL of an upstream: http or https, no credentials, query or fragment; a slash at the end is taken off. @throws ValueRefusal */
export function accountBaseUrl(value: unknown): string {
  const url = URL.parse(textOf(value));
  if (!url || !/^https?:$/.test(url.protocol)) throw new ValueRefusal('must be an http:// or https:// URL, such as https://api.openai.com/v1');
  if (url.username !== '' || url.password !== '') throw new ValueRefusal('must not hold credentials; put the key in api_key');
  if (url.search !== '' || url.hash !== '') throw new ValueRefusal('must end after the path, without ? or #');
  return url.href.replace(/\/+$/, '');
}

function heldTo(rule: keyof typeof ACCOUNT_RULES, value: string): string {
  const { holds, must } = ACCOUNT_RULES[rule];
  if (!holds(value)) throw new ValueRefusal(must);
  return value;
}

function modelNames(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.some((each) => typeof each !== 'string')) {
    throw new ValueRefusal('must be an array of model names; leave it out to ask the upstream');
  }
  for (const model of value as string[]) heldTo('model', model);
  return Object.freeze([...new Set(value as string[])]);
}

function namesByName(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ValueRefusal('must be a table, such as model_map = { "ours" = "theirs" }');
  const map = Object.entries(value).map(([ours, theirs]) => [heldTo('model', ours), heldTo('model', textOf(theirs))]);
  return Object.freeze(Object.fromEntries(map) as Record<string, string>);
}

function extraHeaders(value: unknown, secret: (text: string) => string): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ValueRefusal('must be a table, such as headers = { x-team = "blue" }');
  const headers = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, secret(textOf(inner))]));
  const problem = accountHeadersProblem(headers);
  if (problem !== null) throw new ValueRefusal(problem);
  return Object.freeze(Object.fromEntries(Object.entries(headers).map(([name, inner]) => [name.toLowerCase(), inner])));
}
