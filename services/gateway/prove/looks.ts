import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf } from '../src/bindings/digest.ts';
import { fingerprintOf } from '../src/bindings/json-members.ts';
import type { Changes } from './changes.ts';
import { SOCKET_LABEL } from './client-sockets.ts';
import type { Coverage } from './coverage.ts';
import type { Gateways } from './gateways.ts';
import { isRefusedAtEdge } from './history.ts';
import type { History, Row } from './history.ts';
import type { LinkedAccounts } from './linked-accounts.ts';
import type { Requests } from './requests.ts';
import { countTransitions } from './transitions.ts';
import type { ToldRequest } from './transitions.ts';
import type { WorldClock } from './world-clock.ts';

export interface LooksParts {
  readonly clock: WorldClock;
  readonly changes: Changes;
  readonly gateways: Gateways;
  readonly accounts: LinkedAccounts;
  readonly requests: Requests;
  readonly coverage: Coverage;
}

/** Looks at all that was seen, with what the gateways and their database tell of it. */
export class Looks {
  readonly #parts: LooksParts;
  #bound: History['bound'][number][] = [];
  /** Since when, on the wall clock. */
  #fromMs = 0;

  constructor(parts: LooksParts) {
    this.#parts = parts;
  }

  /** The wall clock has been set. */
  clockSet(): void {
    this.#fromMs = Math.min(this.#fromMs, this.#parts.clock.wallClockMs() - 1_000);
  }

  /** Begins the next look. */
  begin(): void {
    this.#bound = [];
    this.#parts.changes.stuck = [];
    this.#parts.requests.forget();
    this.#fromMs = this.#parts.clock.wallClockMs() - 1_000;
  }

  /** Writes down what the database has of the ids that are certain to be bound. */
  async noteBound(): Promise<void> {
    const { gateways, accounts, requests } = this.#parts;
    const certain = [...requests.model.certain()];
    if (certain.length === 0 || gateways.isAway) return;
    const digests = certain.map(({ kind, keyId, session, id }) =>
      digestOf(kind, keyId, session, kind === 'encrypted' ? fingerprintOf(Buffer.from(JSON.stringify({ encrypted_content: id })))! : id).toString('base64'),
    );
    const rows = await gateways.query<{ digest: string; owner: string }>(
      `select encode(digest, 'base64') as digest, account_id as owner from gateway.binding where digest in (select decode(d, 'base64') from unnest($1::text[]) as d)`,
      [digests],
    );
    const found = new Map(rows.map(({ digest, owner }) => [digest, owner]));
    for (const [i, { id, owner }] of certain.entries()) this.#bound.push({ id, issuer: accounts.idOf(owner), found: found.get(digests[i]!) ?? null });
  }

  /** All that was seen since the last look, once nothing runs; the next look begins after it. */
  async take(): Promise<History> {
    const { gateways, requests, changes } = this.#parts;
    const gauges = await this.#gauges();
    const rows = gateways.isAway ? null : await this.#rows();
    const history: History = {
      requests: requests.all,
      attempts: requests.attempts,
      rows,
      gauges,
      bound: this.#bound,
      retrying: requests.retries.noted,
      stuck: changes.stuck,
    };
    this.begin();
    return history;
  }

  /** What is held at all gateways. What an answer's end gives back is given back in a later turn of the event loop. */
  async #gauges(): Promise<Record<string, number>> {
    const { lives } = this.#parts.gateways;
    for (let tries = 0; tries < 100 && lives.some(({ gateway }) => gateway.running() > 0); tries++) await sleep(1);
    for (let tries = 0; ; tries++) {
      const gauges: Record<string, number> = {};
      // Between turns a client's socket stays.
      const kept = { switchyard_sockets: -this.#parts.requests.sockets.openAt(lives) };
      for (const each of [...(await Promise.all(lives.map((life) => life.gauges()))), kept])
        for (const [name, value] of Object.entries(each)) gauges[name] = (gauges[name] ?? 0) + value;
      if (tries === 200 || Object.values(gauges).every((value) => value === 0)) return gauges;
      await sleep(1);
    }
  }

  /** What the request log has of the requests, once it has all that it must have. */
  async #rows(): Promise<Row[]> {
    const { requests, coverage } = this.#parts;
    await this.noteBound();
    const wanted = requests.all.filter((trace) => !trace.mayBeUnlogged && !isRefusedAtEdge(trace));
    for (let tries = 0; ; tries++) {
      // They are written some milliseconds behind.
      await sleep(6);
      const told = await this.#told();
      const rows = told.map((each) => rowOf(each, this.#numberOf(each)!));
      const ended = new Set(rows.filter(({ isEnded }) => isEnded).map(({ no }) => no));
      if (tries < 399 && !wanted.every(({ no }) => ended.has(no))) continue;
      countTransitions(coverage, told);
      return rows;
    }
  }

  async #told(): Promise<ToldRequest[]> {
    const { gateways, requests } = this.#parts;
    const first = requests.all[0]?.no ?? 0;
    const rows = await gateways.query<ToldRequest>(
      `select client_request_id as label, bytes_in::int as bytes, outcome, ended_at is not null as ended, decision from gateway.request
       where started_at >= to_timestamp($1::float8 / 1000) and client_request_id like 'proof-%'`,
      [this.#fromMs],
    );
    return rows.filter((row) => (this.#numberOf(row) ?? -1) >= first);
  }

  #numberOf({ label, bytes }: ToldRequest): number | undefined {
    return label.startsWith(SOCKET_LABEL) ? this.#parts.requests.sockets.turnOf(label, bytes) : Number(label.slice('proof-'.length));
  }
}

function rowOf({ outcome, ended, decision }: ToldRequest, no: number): Row {
  const attempts = (decision?.attempts ?? []).map(({ account, status }) => ({ account, isReached: status !== undefined && status !== null }));
  // Who says that a server is gone may be told otherwise by that server itself.
  return { no, outcome, isEnded: ended && outcome !== 'server_lost', attempts };
}
