import { readdirSync, readFileSync } from 'node:fs';
import { SETTING_KEYS, isLoopback } from '@switchyard/config';
import type { Config } from '@switchyard/config';
import { FaultBudget, newId } from '@switchyard/contracts';
import { createMetrics } from '@switchyard/observability';
import type { Logger } from '@switchyard/observability';
import { readAdminToken } from '@switchyard/security';
import { isAdminPath, openApiDocument, openGateway } from '@switchyard/service-gateway';
import { openSimulator } from '@switchyard/simulator';
import { adminHandler } from './admin-handler.ts';
import { listen } from './listen.ts';
import type { Listener, ListenerOptions } from './listen.ts';
import { openStorage } from './open-storage.ts';
import { writeServerFile } from './server-file.ts';
import { VERSION } from './version.ts';
import { watchLoop } from './watch-loop.ts';

/** A server that serves. Disposing it stops accepting, drains, and closes everything in reverse order. */
export interface Server extends AsyncDisposable {
  readonly address: string;
  readonly adminAddress: string;
  /** The text of the first key, when this start made it; nowhere else is it kept. */
  readonly firstKey: string | null;
  /** How many requests are running. */
  readonly running: () => number;
  /** Ends the drain at once, the one that is going on or the one to come: what is running is cut off. */
  cutOff(): void;
}

/** Builds the whole server, in order: storage, services, listeners. A failure half-way closes what was opened. */
export async function openServer(config: Config, log: Logger): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const faults = faultBudget(config, log);
  const storage = opened.use(await openStorage(config, log, 'server', faults));
  const sandbox = config['gateway.sandbox'] ? opened.use(await openSimulator({ mode: 'sandbox', keep: 0 })) : null;
  const metrics = createMetrics();
  const token = readAdminToken({ home: config.home, fromSetting: config['admin.token'] });
  // Beyond loopback our own API moves to a listener of its own, unless the operator says otherwise (product section 8).
  const together = isLoopback(config['server.host']) || config['admin.expose'];
  const gateway = opened.use(
    await openGateway({
      config,
      database: storage.database,
      vault: storage.vault,
      log: log.child({ component: 'gateway' }),
      metrics,
      wallClockMs: faults === null || config['faults.clock_offset_ms'] === 0 ? Date.now : () => Date.now() + config['faults.clock_offset_ms'],
      nowMs: () => performance.now(),
      sandboxUrl: sandbox === null ? null : `${sandbox.url}/v1`,
      docsPath: together ? '/api/docs' : null,
      maxActive: config['limits.active_requests'] || defaultMaxActive(),
      loopDelayMs: opened.use(watchLoop()).p99Ms,
      faults,
    }),
  );
  const admin = adminHandler({
    api: gateway.adminApi,
    document: () => openApiDocument({ version: VERSION, dataPlane: together }),
    token,
    metrics,
    metricsOnLoopback: config['metrics.allow_loopback'],
    log: log.child({ component: 'admin' }),
  });

  const listeners: Listener[] = [];
  const open = async (of: ListenerOptions['of'], host: string, port: number, served: Pick<ListenerOptions, 'handle' | 'sockets'>): Promise<Listener> => {
    const listener = await listen({
      of,
      host,
      port,
      ...served,
      headerTimeoutMs: config['limits.header_timeout_ms'],
      bodyTimeoutMs: config['limits.body_timeout_ms'],
      idleConnectionMs: config['limits.idle_connection_ms'],
      connectionsPerAddress: config['limits.connections_per_address'],
      newRequestId: () => newId('request', Date.now()),
      onAcceptError: (error) =>
        log.error('connection_not_taken', 'A connection could not be taken; for EMFILE raise the limit of open files or lower limits.active_requests', {
          code: error.code,
          error,
        }),
    });
    opened.defer(() => listener.close());
    listeners.push(listener);
    return listener;
  };
  const main = await open('gateway', config['server.host'], config['server.port'], {
    handle: (request, response) => (together && isAdminPath(request) ? admin : gateway.handle)(request, response),
    sockets: gateway,
  });
  const adminListener = together ? main : await open('admin', config['admin.listen'].host, config['admin.listen'].port, { handle: admin });
  opened.defer(writeServerFile(config.home, { address: main.address, adminAddress: adminListener.address, pid: process.pid, version: VERSION }));

  const cutting = new AbortController();
  opened.defer(async () => {
    for (const listener of listeners) listener.stopAccepting();
    const cut = await gateway.drain(config['server.drain_timeout_secs'] * 1_000, cutting.signal);
    if (cut > 0) log.warn('requests_cut_off', 'Requests that did not end within the drain were cut off', { count: cut });
  });
  const firstKey = await gateway.makeFirstKey();
  const owned = opened.move();
  return {
    address: main.address,
    adminAddress: adminListener.address,
    firstKey,
    running: gateway.running,
    cutOff: () => cutting.abort(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What is to fail on purpose, said in the log; null when nothing is. */
function faultBudget(config: Config, log: Logger): FaultBudget | null {
  if (!config['faults.enabled']) return null;
  const names = SETTING_KEYS.filter((key) => key.startsWith('faults.') && key !== 'faults.enabled' && config[key] !== 0);
  log.warn('faults_enabled', 'Failures are being made on purpose; outside of a test, switch faults.enabled off', { names });
  return new FaultBudget({
    upstream_connect: config['faults.upstream_connect_errors'],
    upstream_read: config['faults.stream_read_errors'],
    state_save: config['faults.state_save_errors'],
    migration: config['faults.migration_errors'],
    refresh: config['faults.refresh_errors'],
  });
}

/** Half of the file descriptors that are free, at most 12 000: each request takes one here and one upstream (product section 5). */
function defaultMaxActive(): number {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readOr('/proc/self/limits', ''))?.[1] ?? 8_192);
  const used = countOr('/proc/self/fd', 100);
  return Math.max(16, Math.min(12_000, Math.floor((limit - used) / 2)));
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise; // not Linux
  }
}

function countOr(path: string, otherwise: number): number {
  try {
    return readdirSync(path).length;
  } catch {
    return otherwise;
  }
}
