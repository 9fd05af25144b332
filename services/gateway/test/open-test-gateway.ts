import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { loadConfig } from '@switchyard/config';
import type { Config } from '@switchyard/config';
import { openDatabase } from '@switchyard/database';
import { createMetrics } from '@switchyard/observability';
import { openVault } from '@switchyard/security';
import { TIMING } from '../src/ground.ts';
import { GATEWAY_MIGRATIONS, addAccount, openGateway } from '../src/index.ts';
import type { Gateway, GatewayTables } from '../src/index.ts';
import { openSimulator } from '@switchyard/simulator';
import type { Simulator } from '@switchyard/simulator';
import { recordingLogger, temporaryHome, testDatabase } from '@switchyard/testkit';
import type { LogRecord } from '@switchyard/testkit';
import type pg from 'pg';

export const KEY = 'sk-test-bootstrap-not-a-secret';

/** A gateway on a database of its own behind a plain listener, with simulators as accounts. */
export interface TestGateway extends AsyncDisposable {
  readonly url: string;
  readonly gateway: Gateway;
  readonly pool: pg.Pool;
  readonly log: readonly LogRecord[];
  /** Connections of clients, this side of them. */
  readonly wires: ReadonlySet<Socket>;
  /** The upstreams of the accounts `a`, `b`, … */
  readonly upstreams: readonly Simulator[];
  /** Sends a request with the first key. */
  ask(path: string, body?: unknown, init?: RequestInit): Promise<Response>;
  /** A figure of the metrics, such as `switchyard_upstream_in_flight`. */
  metric(name: string): Promise<number>;
  /** All metrics, as they are scraped. */
  scrape(): Promise<string>;
  /** Lets so many milliseconds of the monotonic clock go by at once. */
  skip(ms: number): void;
  /** Sets the wall clock so many milliseconds ahead of that of this machine. */
  setWallClock(aheadMs: number): void;
  /** Opens another gateway on the same database, as another process would, with a switchyard.toml of its own if it is given. */
  reopen(toml?: string): Promise<OtherGateway>;
}

/** What another process would be. */
export interface OtherGateway extends AsyncDisposable {
  readonly url: string;
  readonly gateway: Gateway;
  readonly wires: ReadonlySet<Socket>;
  metric(name: string): Promise<number>;
}

/** How many requests there may be at once: in all, and at each account. */
interface TestLimits {
  readonly active?: number;
  readonly perAccount?: number;
  /** Longest wait for a binding to be written; where a test is about what is bound, a slow disk must not decide. */
  readonly bindingWaitMs?: number;
}

/** @param accounts  How many simulators, each an account named a, b, … that serves the model `m`. */
export async function openTestGateway(accounts = 1, settings: Readonly<Record<string, string>> = {}, limits: TestLimits = {}): Promise<TestGateway> {
  await using opened = new AsyncDisposableStack();
  const home = opened.use(await temporaryHome());
  const { connection, pool } = opened.use(await testDatabase({ sets: [GATEWAY_MIGRATIONS] }));
  const log = recordingLogger();
  let skippedMs = 0;
  let wallAheadMs = 0;
  const metrics = createMetrics({ process: false });
  const configOf = (more: Readonly<Record<string, string>>): Config =>
    loadConfig({ env: { SWITCHYARD_HOME: home.path, SWITCHYARD_BOOTSTRAP_KEY: KEY, ...settings, ...more } }).config;
  const reconfigured = (toml: string): Config => {
    const path = join(home.path, 'other.toml');
    writeFileSync(path, toml, { mode: 0o600 });
    return configOf({ SWITCHYARD_CONFIG: path });
  };
  const vault = openVault({ home: home.path, loopback: true, log });
  const open = async (registry = metrics, config = configOf({})): Promise<OtherGateway> => {
    await using parts = new AsyncDisposableStack();
    const database = parts.use(await openDatabase<GatewayTables>({ connection, poolSize: 4, log }));
    const gateway = parts.use(
      await openGateway({
        config,
        database,
        vault,
        log,
        metrics: registry,
        wallClockMs: () => Date.now() + wallAheadMs,
        nowMs: () => performance.now() + skippedMs,
        sandboxUrl: null,
        docsPath: null,
        maxActive: limits.active ?? 1_000,
        loopDelayMs: () => 0,
        faults: null,
        ...(limits.bindingWaitMs === undefined ? {} : { timing: { ...TIMING, bindingWaitMs: limits.bindingWaitMs } }),
      }),
    );
    const server = createServer({ shouldUpgradeCallback: gateway.mayUpgrade }, (request, response) => gateway.handle(request, response));
    server.on('upgrade', gateway.upgrade);
    const wires = new Set<Socket>();
    server.on('connection', (wire: Socket) => {
      wires.add(wire);
      wire.once('close', () => wires.delete(wire));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    parts.defer(async () => {
      await gateway.drain(0);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    await gateway.makeFirstKey();
    const owned = parts.move();
    return {
      gateway,
      wires,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async metric(name) {
        const line = (await registry.render()).split('\n').find((candidate) => candidate.startsWith(`${name} `) || candidate.startsWith(`${name}{`));
        return Number(line?.slice(line.lastIndexOf(' ') + 1));
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  };
  const upstreams: Simulator[] = [];
  for (let i = 0; i < accounts; i++) upstreams.push(opened.use(await openSimulator({ mode: 'scriptable', port: 0 })));
  const { gateway, url, wires, metric } = opened.use(await open());
  for (const [i, { url: upstream }] of upstreams.entries()) {
    const draft = {
      name: 'abcdefgh'[i]!,
      kind: 'openai-compatible',
      baseUrl: `${upstream}/v1`,
      credential: `sk-test-account-${i}-not-a-secret`,
      models: ['m'],
      priority: 100,
      organization: null,
      project: null,
      headers: {},
      websocket: true,
      maxInFlight: limits.perAccount ?? null,
      softInFlight: null,
      reservePercent: 0,
      modelMap: {},
    } as const;
    await addAccount(gateway.control, draft);
  }
  const owned = opened.move();
  return {
    url,
    gateway,
    pool,
    log: log.records,
    wires,
    upstreams,
    ask: (path, body, init = {}) =>
      fetch(url + path, {
        ...init,
        method: init.method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          authorization: `Bearer ${KEY}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(init.headers as Record<string, string>),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    metric,
    scrape: () => metrics.render(),
    skip: (ms) => void (skippedMs += ms),
    setWallClock: (aheadMs) => void (wallAheadMs = aheadMs),
    reopen: (toml) => open(createMetrics({ process: false }), toml === undefined ? configOf({}) : reconfigured(toml)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Waits until a question of the database has the wanted answer; the rows are written behind, a few milliseconds after the answer. */
export async function untilRows<R extends pg.QueryResultRow>(pool: pg.Pool, sql: string, holds: (rows: R[]) => boolean): Promise<R[]> {
  for (;;) {
    const { rows } = await pool.query<R>(sql);
    if (holds(rows)) return rows;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
