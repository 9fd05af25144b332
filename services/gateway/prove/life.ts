import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Config } from '@switchyard/config';
import { openDatabase } from '@switchyard/database';
import type { Database, DatabaseTarget } from '@switchyard/database';
import { createMetrics } from '@switchyard/observability';
import type { Logger } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import { openGateway } from '../src/index.ts';
import type { Gateway, GatewayTables } from '../src/index.ts';

export interface LifeParts {
  readonly connection: DatabaseTarget;
  readonly config: Config;
  readonly vault: Vault;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly wallClockMs: () => number;
  /** Ends a gateway's connections on the database's side, by the name under which it connected. */
  readonly terminate: (applicationName: string) => Promise<void>;
}

/** One gateway from its opening to its end, behind a listener of its own. */
export interface Life {
  readonly no: number;
  readonly name: string;
  readonly url: string;
  readonly gateway: Gateway;
  isOver: boolean;
  /** The figures that say what is held now. */
  gauges(): Promise<Record<string, number>>;
  /** How many accounts it has loaded. */
  accounts(): Promise<number>;
  /** Whether it knows that the database is away. */
  isCutOff(): boolean;
  /** Has it use the database once, with whatever comes of that. */
  askDatabase(): Promise<void>;
  /** Stops as a server does: cuts what runs, writes what is left. */
  close(): Promise<void>;
  /** Ends at once: nothing more reaches the database or a client. What is left of it in memory is let go of later. */
  crash(): Promise<void>;
}

const GAUGES =
  /^switchyard_(?:requests_(?:in_flight|waiting)\{lane="[a-z]+"\}|requests_active|upstream_in_flight|retries_in_progress|request_body_bytes|sockets) (\S+)$/gm;
/** Waits of the gateway pass this many times as fast. */
const HASTE = 200;
/** How often a gateway looks at what changes with time alone. */
export const UPKEEP_MS = 50;
/** So few that a burst fills them. */
const MAX_ACTIVE = 40;
let count = 0;

/** Opens a gateway as a server does, with its waits shortened and with all the time in the world for the database. */
export async function openLife({ connection, config, vault, log, nowMs, wallClockMs, terminate }: LifeParts): Promise<Life> {
  const no = ++count;
  const name = `switchyard-proof-${process.pid}-${no}`;
  const database: Database<GatewayTables> = await openDatabase<GatewayTables>({ connection, poolSize: 4, log, applicationName: name });
  const metrics = createMetrics({ process: false });
  const gateway = await openGateway({
    config,
    database,
    vault,
    log,
    metrics,
    wallClockMs,
    nowMs,
    sandboxUrl: null,
    docsPath: null,
    maxActive: MAX_ACTIVE,
    loopDelayMs: () => 0,
    faults: null,
    timing: {
      after(ms, run) {
        const timer = setTimeout(run, Math.max(2, ms / HASTE));
        return () => clearTimeout(timer);
      },
      bindingWaitMs: 20_000,
      lookAroundMs: 500,
      upkeepMs: UPKEEP_MS,
    },
  });
  const server = createServer({ shouldUpgradeCallback: gateway.mayUpgrade }, (request, response) => gateway.handle(request, response));
  server.keepAliveTimeout = 0;
  server.on('upgrade', gateway.upgrade);
  const wires = new Set<Socket>();
  server.on('connection', (wire: Socket) => {
    wires.add(wire);
    wire.once('close', () => wires.delete(wire));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stopListening = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    // Also those that have become WebSockets, which are not the server's any more.
    for (const wire of wires) wire.destroy();
    await closed;
  };
  const life: Life = {
    no,
    name,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    gateway,
    isOver: false,
    async gauges() {
      const text = await metrics.render();
      return {
        ...Object.fromEntries([...text.matchAll(GAUGES)].map(([line, value]) => [line.slice(0, line.lastIndexOf(' ')), Number(value)])),
        running: gateway.running(),
      };
    },
    async accounts() {
      return Number(/^switchyard_accounts (\d+)$/m.exec(await metrics.render())?.[1]);
    },
    isCutOff: () => !database.isAvailable(),
    askDatabase: () =>
      database.pool.query('select 1').then(
        () => {},
        () => {},
      ),
    async close() {
      life.isOver = true;
      await gateway.drain(0);
      await stopListening();
      await gateway[Symbol.asyncDispose]();
      await database.close();
    },
    async crash() {
      life.isOver = true;
      // A process that is gone asks nothing more and hears nothing more; were its questions never answered, what is left of it would never end.
      const gone = (): Promise<never> => Promise.reject(new Error('this gateway is gone'));
      Object.assign(database.pool, { query: gone, connect: gone });
      const stopped = stopListening();
      await terminate(name);
      await stopped;
      void Promise.resolve(gateway[Symbol.asyncDispose]()).catch(() => {});
      void database.close().catch(() => {});
    },
  };
  return life;
}
