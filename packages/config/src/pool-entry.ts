import { ACCOUNT_RULES } from './account-rules.ts';
import { CHOICE_STRATEGIES } from './choice-strategies.ts';
import type { ChoiceStrategy } from './choice-strategies.ts';
import { ValueRefusal, integer, oneOf } from './setting-type.ts';
import { nearestName } from './suggest.ts';
import type { TomlPath } from './toml-places.ts';

/** A pool declared in switchyard.toml as `[pools.NAME]`. */
export interface PoolEntry {
  readonly name: string;
  /** Names of accounts; null: all. */
  readonly accounts: readonly string[] | null;
  /** Null: as `choice.strategy` says. */
  readonly strategy: ChoiceStrategy | null;
  /** Whether a conversation that only prefers an account leaves it when that is out of quota. */
  readonly movesExhausted: boolean;
  /** Percent of a quota that is kept for what an account owns. */
  readonly reservePercent: number;
  /** Names of other pools. */
  readonly fallback: readonly string[];
  /** `file:line:column` of the entry. */
  readonly place: string;
}

const EXHAUSTED = ['refuse', 'move'] as const;

/** One row per key of `[pools.NAME]`; the docs page and the JSON schema are printed from it. */
export const POOL_FIELDS = {
  accounts: {
    says: 'list of account names',
    help: 'The accounts in it, wherever they are declared; all when left out.',
    schema: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
  },
  strategy: {
    says: `one of ${CHOICE_STRATEGIES.join(', ')}`,
    help: 'The order in which they are asked; `choice.strategy` when left out.',
    schema: { enum: [...CHOICE_STRATEGIES] },
  },
  on_owner_exhausted: {
    says: 'one of refuse, move',
    help: 'What becomes of a conversation with sealed reasoning whose account is out of quota: `refuse` until it is back, the default, or `move` to another account. One that goes on from a response, a turn or a call never moves.',
    schema: { enum: [...EXHAUSTED] },
  },
  reserve_percent: {
    says: 'a whole number from 0 to 99',
    help: 'With no more than this left of its quota an account only continues what it began; 0 when left out. The larger of this and the account’s own counts.',
    schema: { type: 'integer', minimum: 0, maximum: 99 },
  },
  fallback: {
    says: 'list of pool names',
    help: 'Pools that are asked, in this order, when none of its own accounts can serve.',
    schema: { type: 'array', items: { type: 'string', minLength: 1 } },
  },
} as const satisfies Readonly<Record<string, { says: string; help: string; schema: Readonly<Record<string, unknown>> }>>;

const STRATEGY = oneOf(CHOICE_STRATEGIES);
const ON_EXHAUSTED = oneOf(EXHAUSTED);
const RESERVE = integer({ min: 0, max: 99 });

export interface PoolReading {
  readonly place: (path: TomlPath) => string;
  readonly refuse: (key: string, place: string, problem: string) => void;
}

/** Reads `[pools]`; what is wrong goes to `refuse`, all of it, and a wrong entry is left out of the result. */
export function readPools(value: unknown, { place, refuse }: PoolReading): readonly PoolEntry[] {
  if (!isTable(value) || !Object.values(value).every(isTable)) {
    refuse('pools', place(['pools']), 'must be written as [pools.NAME], one such table for each pool');
    return [];
  }
  const entries: PoolEntry[] = [];
  for (const [name, raw] of Object.entries(value as Readonly<Record<string, Readonly<Record<string, unknown>>>>)) {
    const wrong = (field: string | null, problem: string): void => {
      const path = field === null ? ['pools', name] : ['pools', name, field];
      refuse(path.join('.'), place(path), problem);
    };
    const entry = readPool(name, raw, Object.keys(value), place(['pools', name]), wrong);
    if (entry !== null) entries.push(entry);
  }
  return Object.freeze(entries);
}

function readPool(
  name: string,
  raw: Readonly<Record<string, unknown>>,
  names: readonly string[],
  place: string,
  wrong: (field: string | null, problem: string) => void,
): PoolEntry | null {
  let sound = true;
  const refused = (field: string | null, problem: string): null => {
    wrong(field, problem);
    sound = false;
    return null;
  };
  const read = <T>(field: keyof typeof POOL_FIELDS, as: (value: unknown) => T): T | null => {
    if (raw[field] === undefined) return null;
    try {
      return as(raw[field]);
    } catch (error) {
      if (error instanceof ValueRefusal) return refused(field, error.message);
      throw error;
    }
  };
  if (!ACCOUNT_RULES.name.holds(name)) refused(null, `is not the name of a pool: one ${ACCOUNT_RULES.name.must}`);
  for (const field of Object.keys(raw)) {
    if (Object.hasOwn(POOL_FIELDS, field)) continue;
    const near = nearestName(field, Object.keys(POOL_FIELDS));
    refused(field, `is not a field of a pool; ${near === null ? `a pool has ${Object.keys(POOL_FIELDS).join(', ')}` : `did you mean ${near}?`}`);
  }
  const accounts = read('accounts', (value) => nameList(value, 'accounts; leave it out for all'));
  const strategy = read('strategy', (value) => STRATEGY.fromToml(value));
  const onExhausted = read('on_owner_exhausted', (value) => ON_EXHAUSTED.fromToml(value));
  const reservePercent = read('reserve_percent', (value) => RESERVE.fromToml(value));
  const fallback = read('fallback', (value) => nameList(value, 'pools')) ?? [];
  if (accounts !== null && accounts.length === 0) refused('accounts', 'must name at least one account; leave it out for all');
  for (const other of fallback) {
    if (other === name) refused('fallback', 'must not name the pool itself');
    else if (!names.includes(other)) {
      const near = nearestName(
        other,
        names.filter((each) => each !== name),
      );
      refused('fallback', `names ${other}, which is not a pool; ${near === null ? `declare it as [pools.${other}]` : `did you mean ${near}?`}`);
    }
  }
  if (!sound) return null;
  return Object.freeze({ name, accounts, strategy, movesExhausted: onExhausted === 'move', reservePercent: reservePercent ?? 0, fallback, place });
}

/** Reads `[aliases]`: other names for models. */
export function readAliases(value: unknown, { place, refuse }: PoolReading): Readonly<Record<string, string>> {
  if (!isTable(value)) {
    refuse('aliases', place(['aliases']), 'must be a table, such as [aliases] with a line fast = "gpt-5.5-mini" below');
    return {};
  }
  const aliases: Record<string, string> = {};
  for (const [alias, model] of Object.entries(value)) {
    const wrong = (problem: string): void => refuse(`aliases.${alias}`, place(['aliases', alias]), problem);
    if (!ACCOUNT_RULES.model.holds(alias)) wrong(`is not a name for a model: there ${ACCOUNT_RULES.model.must}`);
    else if (typeof model !== 'string' || !ACCOUNT_RULES.model.holds(model)) wrong('must be the name of a model, in quotes');
    else if (Object.hasOwn(value, model)) wrong(`stands for ${model}, which is an alias itself; name the model`);
    else aliases[alias] = model;
  }
  return Object.freeze(aliases);
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function nameList(value: unknown, of: string): readonly string[] {
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string' || each === '')) throw new ValueRefusal(`must be an array of names of ${of}`);
  return Object.freeze([...new Set(value as string[])]);
}
