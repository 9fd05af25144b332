import { isIP } from 'node:net';

/** Why a value was refused: what is wrong with it and what to write instead. Never the value, which may be a secret in the wrong place. */
export class ValueRefusal extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'ValueRefusal';
  }
}

/** How one kind of value is read from the environment or a flag (text) and from TOML (typed), and how it is described. */
export interface SettingType<T> {
  /** For people, after "must be": `a whole number from 0 to 65535`. */
  readonly says: string;
  /** @throws ValueRefusal */
  fromText(text: string): T;
  /** @throws ValueRefusal */
  fromToml(value: unknown): T;
  /** As a person would write it in the environment. */
  show(value: T): string;
  /** JSON Schema (2020-12) of the TOML form, for editors. */
  readonly schema: Readonly<Record<string, unknown>>;
}

type Check = (text: string) => string;

function textual<T>(says: string, read: (text: string) => T, show: (value: T) => string, schema: Record<string, unknown> = {}): SettingType<T> {
  return {
    says,
    fromText: read,
    fromToml: (value) => {
      if (typeof value !== 'string') throw new ValueRefusal(`must be text in quotes (${says})`);
      return read(value);
    },
    show,
    schema: { type: 'string', ...schema },
  };
}

/** Any text; `check` refuses by throwing, or returns the form to keep. */
export function text(says: string, check: Check = (value) => value): SettingType<string> {
  return textual(says, check, (value) => value);
}

export function integer(range: { min: number; max: number }): SettingType<number> {
  const says = `a whole number from ${range.min} to ${range.max}`;
  return numeric(says, range, (value) => (/^[+-]?\d+(_\d+)*$/.test(value) ? Number(value.replaceAll('_', '')) : Number.NaN), String, {
    type: 'integer',
    minimum: range.min,
    maximum: range.max,
  });
}

const DURATION_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time kept in `unit`; written as a number of units or with a suffix (`500ms`, `10s`, `5m`, `1h`, `7d`). */
export function duration(range: { unit: 'ms' | 's'; min: number; max: number }): SettingType<number> {
  const words = range.unit === 'ms' ? 'milliseconds' : 'seconds';
  const says = `${words} from ${range.min} to ${range.max}, or with a unit: 500ms, 10s, 5m, 1h`;
  return numeric(says, range, suffixed(DURATION_MS, DURATION_MS[range.unit], range.unit), String, withSuffix(range, '^[0-9]+ ?(ms|s|m|h|d)$'));
}

const BYTES = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 } as const;

/** A size kept in bytes; written as a number of bytes or with a suffix (`64MiB`, `10MB`). */
export function bytes(range: { min: number; max: number }): SettingType<number> {
  const says = `bytes from ${range.min} to ${range.max}, or with a unit: 512KiB, 64MiB, 1GiB`;
  return numeric(says, range, suffixed(BYTES, 1, 'B'), String, withSuffix(range, '^[0-9]+ ?([KMG]i?)?B$'));
}

function withSuffix(range: { min: number; max: number }, pattern: string): Record<string, unknown> {
  return {
    oneOf: [
      { type: 'integer', minimum: range.min, maximum: range.max },
      { type: 'string', pattern },
    ],
  };
}

function suffixed(units: Readonly<Record<string, number>>, perUnit: number, plain: string): (value: string) => number {
  const byName = new Map(Object.entries(units).map(([name, factor]) => [name.toLowerCase(), factor]));
  return (value) => {
    const parts = /^(\d+(?:_\d+)*) ?([A-Za-z]*)$/.exec(value.trim());
    const factor = parts ? byName.get((parts[2] === '' ? plain : parts[2]!).toLowerCase()) : undefined;
    return parts && factor !== undefined ? (Number(parts[1]!.replaceAll('_', '')) * factor) / perUnit : Number.NaN;
  };
}

function numeric(
  says: string,
  range: { min: number; max: number },
  read: (value: string) => number,
  show: (value: number) => string,
  schema: Record<string, unknown>,
): SettingType<number> {
  const check = (value: number): number => {
    if (!Number.isSafeInteger(value) || value < range.min || value > range.max) throw new ValueRefusal(`must be ${says}`);
    return value;
  };
  const takesText = schema['oneOf'] !== undefined;
  return {
    says,
    fromText: (value) => check(read(value.trim())),
    fromToml: (value) => {
      if (typeof value === 'number') return check(value);
      if (typeof value === 'string' && takesText) return check(read(value));
      throw new ValueRefusal(`must be ${says}${typeof value === 'string' ? ', without quotes' : ''}`);
    },
    show,
    schema,
  };
}

const YES = new Set(['true', '1', 'yes', 'on']);
const NO = new Set(['false', '0', 'no', 'off']);

export const boolean: SettingType<boolean> = {
  says: 'true or false',
  fromText: (value) => {
    const word = value.trim().toLowerCase();
    if (YES.has(word)) return true;
    if (NO.has(word)) return false;
    throw new ValueRefusal('must be true or false');
  },
  fromToml: (value) => {
    if (typeof value !== 'boolean') throw new ValueRefusal('must be true or false, without quotes');
    return value;
  },
  show: String,
  schema: { type: 'boolean' },
};

/** One of a closed list, in any case; `synonyms` are words of other programs for the same. */
export function oneOf<const V extends string>(values: readonly V[], synonyms: Readonly<Record<string, V>> = {}): SettingType<V> {
  const says = `one of ${values.join(', ')}`;
  const read = (value: string): V => {
    const word = value.trim().toLowerCase();
    const found = values.find((each) => each === word) ?? (Object.hasOwn(synonyms, word) ? synonyms[word] : undefined);
    if (found === undefined) throw new ValueRefusal(`must be ${says}`);
    return found;
  };
  return textual(says, read, (value) => value, { enum: [...values] });
}

/** Comma-separated in text, an array in TOML; empty parts are ignored. */
export function list(says: string, item: (text: string) => readonly string[], limit = 1_000): SettingType<readonly string[]> {
  const readAll = (parts: readonly string[]): readonly string[] => {
    const values = [
      ...new Set(
        parts
          .map((part) => part.trim())
          .filter((part) => part !== '')
          .flatMap(item),
      ),
    ];
    if (values.length > limit) throw new ValueRefusal(`must have at most ${limit} entries`);
    return Object.freeze(values);
  };
  return {
    says: `list of ${says}`,
    fromText: (value) => readAll(value.split(',')),
    fromToml: (value) => {
      if (!Array.isArray(value) || value.some((each) => typeof each !== 'string')) throw new ValueRefusal(`must be an array of texts (${says})`);
      return readAll(value as string[]);
    },
    show: (values) => values.join(','),
    schema: { type: 'array', items: { type: 'string' }, maxItems: limit },
  };
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

function readHost(value: string): string {
  const bare = value.trim().replace(/^\[(.*)\]$/, '$1');
  const allDigits = /^[\d.]+$/.test(bare); // 1.2.3 and 127.1 are numbers to a resolver, not names
  if (isIP(bare) === 0 && (allDigits || !HOST_NAME.test(bare))) throw new ValueRefusal('must be an IP address or a host name, such as 127.0.0.1 or 0.0.0.0');
  return bare;
}

/** An address or name to listen on; brackets around IPv6 are taken off. */
export const host: SettingType<string> = textual('IP address or host name', readHost, (value) => value);

/** Where to listen. */
export interface Listen {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** `HOST:PORT`; IPv6 in brackets. */
export const listen: SettingType<Listen> = textual(
  'HOST:PORT',
  (value) => {
    const parts = /^(\[[^\]]+\]|[^:\s]+):(\d{1,5})$/.exec(value.trim());
    const port = Number(parts?.[2]);
    if (!parts || port > 65_535) throw new ValueRefusal('must be HOST:PORT, such as 127.0.0.1:4701 or [::1]:4701');
    return Object.freeze({ host: readHost(parts[1]!), port });
  },
  ({ host: name, port }) => (name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`),
);

const LOOPBACK_RANGES = ['127.0.0.0/8', '::1/128'];

/** IP addresses and CIDR ranges; the word `loopback` stands for 127.0.0.0/8 and ::1. Kept with their prefix length. */
export const cidrs: SettingType<readonly string[]> = list('IP addresses or CIDR ranges, or the word loopback', (value) => {
  if (value.toLowerCase() === 'loopback') return LOOPBACK_RANGES;
  const parts = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value);
  const family = parts ? isIP(parts[1]!) : 0;
  const most = family === 4 ? 32 : 128;
  const length = parts?.[2] === undefined ? most : Number(parts[2]);
  if (!parts || family === 0 || length > most) throw new ValueRefusal('must be IP addresses or CIDR ranges, such as 10.0.0.0/8, or the word loopback');
  return [`${parts[1]}/${length}`];
});

/** Browser origins: scheme, host, port, nothing after. */
export const origins: SettingType<readonly string[]> = list('origins such as https://console.example.com', (value) => {
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new ValueRefusal('must be origins: http or https, host and port, and nothing after, such as https://console.example.com');
  }
  return [url.origin];
});

/** Visible ASCII of a bounded length, as keys and tokens are. */
export function visibleAscii(range: { min: number; max: number }): SettingType<string> {
  const says = `${range.min} to ${range.max} visible ASCII characters`;
  return text(says, (value) => {
    if (value.length < range.min || value.length > range.max || /[^\x21-\x7e]/.test(value)) throw new ValueRefusal(`must be ${says}, without spaces`);
    return value;
  });
}

/** A PostgreSQL connection URL; empty means none. */
export const postgresUrl: SettingType<string> = text('postgresql:// URL', (value) => {
  if (value === '') return value;
  const url = URL.parse(value);
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) throw new ValueRefusal('must be a URL that begins with postgresql://');
  return value;
});
