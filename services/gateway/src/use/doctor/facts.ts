import type { Config } from '@switchyard/config';
import type { MigrationState } from '@switchyard/database';
import type { PressureSign } from '../../admission/pressure.ts';
import type { BindResult } from '../../bindings/bindings.ts';
import type { BackoffReason } from '../../choice/back-offs.ts';
import type { Standing } from '../../choice/standing.ts';
import type { Lane } from '../../routes.ts';
import type { QuotaView } from '../quota.ts';
import type { KindCounts } from '../session-bindings.ts';
import type { Incident } from '../../store/incidents.ts';
import type { ShownBinding } from '../../store/show-bindings.ts';

/** All that the checks look at, read at one moment. */
export interface DoctorFacts {
  readonly config: Config;
  /** What the database says; null when it does not answer. */
  readonly stored: StoredFacts | null;
  /** What is known of the quota of each account: by the running server, else as it was last written. */
  readonly quota: readonly QuotaView[];
  /** What only a running server knows; null without one. */
  readonly live: LiveFacts | null;
  /** Wall clock, epoch milliseconds. */
  readonly atMs: number;
}

export interface StoredFacts {
  readonly migrations: MigrationState;
  /** By how much the clock of this machine is ahead of the database's, in milliseconds. */
  readonly clockAheadMs: number;
  /** Null when the tables are not those of this version. */
  readonly tables: TableFacts | null;
}

export interface TableFacts {
  readonly accounts: readonly AccountFacts[];
  readonly bindings: BindingFacts;
  /** Those that last, and those of the last day. */
  readonly incidents: readonly Incident[];
}

export interface AccountFacts {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly source: string;
  readonly models: number;
  /** Why its stored secrets cannot be read; null when they can, or are not stored. */
  readonly unreadable: string | null;
  /** Whether its login is not accepted any more, so that a new one is needed. */
  readonly needsLogin: boolean;
  /** Whether it is added by command, or declared by the configuration at hand. */
  readonly isDeclared: boolean;
}

export interface BindingFacts {
  readonly kinds: readonly KindCounts[];
  readonly conflicts: readonly ShownBinding[];
  /** Accounts that are bound to and do not exist. */
  readonly missing: readonly { readonly account_id: string; readonly count: number }[];
}

/** How an account stands with a running server, on the lane on which it stands worst. */
export interface AccountStanding {
  readonly name: string;
  readonly kind: string;
  /** Where it was declared. */
  readonly source: string;
  readonly standing: Standing;
  /** The lanes on which its circuit is open. */
  readonly open: readonly Lane[];
  /** What it has failed of without having answered since, though it may be asked again meanwhile. */
  readonly reason: BackoffReason | null;
  readonly backInMs: number;
}

/** An account of a pool, or of one that stands in for it, as it stands there on one lane. */
export interface PoolMember {
  readonly name: string;
  readonly standing: Standing;
  readonly reason: BackoffReason | null;
  readonly backInMs: number;
}

/** Whether a pool can serve what is new. */
export interface PoolStanding {
  readonly name: string;
  /** The lanes that some account takes, of the pool or of those that stand in for it. */
  readonly taken: readonly Lane[];
  /** Those of them that none can serve now. */
  readonly out: readonly Lane[];
  /** Those that only a stand-in serves now. */
  readonly stoodIn: readonly Lane[];
  /** Who cannot, on the first of the lanes that are out, or that a stand-in serves. */
  readonly members: readonly PoolMember[];
}

export interface LiveFacts {
  readonly accounts: readonly AccountStanding[];
  readonly pools: readonly PoolStanding[];
  readonly journal: {
    /** Rows that the database has not taken yet. */
    readonly waiting: number;
    /** Rows that were given up since the start. */
    readonly lost: number;
  };
  /** How waits for bindings have ended since the start. */
  readonly waits: Readonly<Record<BindResult, number>>;
  readonly lanes: readonly { readonly lane: Lane; readonly running: number; readonly waiting: number; readonly limit: number }[];
  /** What tells that there is too much to do, now. */
  readonly pressed: readonly PressureSign[];
  /** Names of accounts that are marked for WebSocket and have answered an upgrade that they do not take it, in the last ten minutes. */
  readonly notSpokenBy: readonly string[];
}
