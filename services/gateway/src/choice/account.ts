import type { Upstream } from '@switchyard/contracts';

/** Kinds of account that can be linked. `sandbox` is built in and cannot be added; `chatgpt` is a login, and serves Responses only. */
export const ACCOUNT_KINDS = ['openai', 'openai-compatible', 'chatgpt', 'sandbox'] as const;
export type AccountKind = (typeof ACCOUNT_KINDS)[number];

/** Where an account was declared, and so where it is changed: by API and CLI, in switchyard.toml, or built in. */
export type AccountSource = 'api' | 'file' | 'builtin';

/** An account as the hot path sees it: immutable; what moves lives in `LiveFigures` at `slot`. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly kind: AccountKind;
  readonly source: AccountSource;
  readonly baseUrl: string;
  readonly models: readonly string[];
  /** Models that it has no quota for, and until when, monotonic milliseconds; null when there are none. */
  readonly limited: ReadonlyMap<string, number> | null;
  /** The names under which its upstream knows models that have others here; null when it has them all under the same. */
  readonly modelMap: ReadonlyMap<string, string> | null;
  readonly createdAtMs: number;
  /** Smaller goes first; 100 by default, 1000 for the sandbox. */
  readonly priority: number;
  /** Requests in flight from which others go first, and at which it is passed over; Infinity for no limit. */
  readonly softInFlight: number;
  readonly maxInFlight: number;
  /** Percent of its quota that is kept: with no more left it is only asked for what it owns. */
  readonly reservePercent: number;
  /** Index of this account's live figures, kept for as long as the process lives. */
  readonly slot: number;
  /** Headers that carry its credential and its own settings, flat. */
  readonly headers: readonly string[];
  /** Lower-case names of those headers; the client's are replaced. */
  readonly headerNames: ReadonlySet<string>;
  /** Path of the base URL, put before the path below /v1. */
  readonly basePath: string;
  /** Whether turns may reach it over a WebSocket. */
  readonly speaksWebSocket: boolean;
  readonly upstream: Upstream;
}

/** The accounts of the server, or of a pool, at one moment. A change makes a new one; requests under way keep theirs. */
export interface Snapshot {
  /** Grows by one with each change; recorded in decisions. */
  readonly version: number;
  /** In order of choice: priority, then name. */
  readonly accounts: readonly Account[];
  readonly byId: ReadonlyMap<string, Account>;
  /** Those of `accounts`, by slot. */
  readonly bySlot: ReadonlyMap<number, Account>;
  readonly byModel: ReadonlyMap<string, readonly Account[]>;
  /** Models that some accounts have no quota for, and until when at the soonest; null when there are none. */
  readonly limited: ReadonlyMap<string, number> | null;
  /** For requests that name no model: all but the sandbox, which serves nothing it was not asked for by name. */
  readonly general: readonly Account[];
  /** The accounts for whatever is not Responses, which a ChatGPT login does not serve; null when they are the same. */
  readonly plain: Snapshot | null;
  /** Accounts that cannot be asked until somebody signs in again. */
  readonly off: readonly OffAccount[];
  /** In which of the orders of the live figures they are asked: 0 for those of the server, then one for each pool. */
  readonly order: number;
}

/** Whether an account serves a model; null: whatever names none, which the sandbox does not serve. */
export function servesModel({ kind, models, limited }: Account, model: string | null): boolean {
  return model === null ? kind !== 'sandbox' : models.includes(model) && (limited === null || !limited.has(model));
}

/** The models that an account serves now. */
export function servedModels({ models, limited }: Account): readonly string[] {
  return limited === null ? models : models.filter((model) => !limited.has(model));
}

/** What is known of an account whose login has ended. Answers that it is giving go on. */
export type OffAccount = Pick<Account, 'id' | 'name' | 'baseUrl' | 'models'>;

const NO_ONE: readonly OffAccount[] = [];
const NO_LIMITS: ReadonlyMap<string, number> = new Map();

export function makeSnapshot(version: number, unordered: readonly Account[], off = NO_ONE, order = 0): Snapshot {
  const snapshot = tableOf(version, unordered, off, order);
  const others = snapshot.accounts.filter(({ kind }) => kind !== 'chatgpt');
  if (others.length === snapshot.accounts.length) return snapshot;
  // By its id every account is found: an owner is asked whatever is asked of it.
  return { ...snapshot, plain: { ...tableOf(version, others, off, order), byId: snapshot.byId } };
}

function tableOf(version: number, unordered: readonly Account[], off: readonly OffAccount[], order: number): Snapshot {
  const accounts = [...unordered].sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1));
  const byModel = new Map<string, Account[]>();
  const limited = new Map<string, number>();
  for (const account of accounts) {
    for (const [model, untilMs] of account.limited ?? NO_LIMITS) limited.set(model, Math.min(untilMs, limited.get(model) ?? Infinity));
    for (const model of servedModels(account)) {
      const serving = byModel.get(model);
      if (serving === undefined) byModel.set(model, [account]);
      else serving.push(account);
    }
  }
  return {
    version,
    accounts,
    byId: new Map(accounts.map((account) => [account.id, account])),
    bySlot: new Map(accounts.map((account) => [account.slot, account])),
    byModel,
    limited: limited.size === 0 ? null : limited,
    general: accounts.filter((account) => account.kind !== 'sandbox'),
    plain: null,
    off,
    order,
  };
}
