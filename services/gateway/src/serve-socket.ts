import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { SwitchyardError } from '@switchyard/contracts';
import { WebSocketServer } from 'ws';
import { usualKeyLimit } from './admission/lanes.ts';
import type { Account } from './choice/account.ts';
import { poolFor } from './choice/pool.ts';
import type { AccountTable, Pool } from './choice/pool.ts';
import type { openUpstreamSocket, SocketLimits } from './attempt/socket-upstream.ts';
import { speakingPool } from './attempt/speaking-pool.ts';
import type { KeyRecord } from './edge/key-table.ts';
import type { RequestHead } from './edge/read-head.ts';
import type { SocketGate } from './edge/upgrade.ts';
import { tallies } from './metrics.ts';
import type { GatewayMetrics } from './metrics.ts';
import { upgradeOf } from './serve.ts';
import type { PipelineParts } from './serve.ts';
import { SocketSession } from './socket-session.ts';

export interface SocketsOptions extends SocketLimits {
  readonly isOn: boolean;
  readonly openUpstream: typeof openUpstreamSocket;
  readonly mayCall: (origin: string) => boolean;
  /** Sockets at most: each takes two file descriptors. */
  readonly max: number;
  readonly retireMs: number;
  readonly idleMs: number;
  readonly snapshot: () => AccountTable;
  /** How many keys there are. */
  readonly keyCount: () => number;
  readonly metrics: GatewayMetrics;
  readonly nowMs: () => number;
}

/** How often the clock is looked at; deadlines may be late by as much. */
const TICK_MS = 250;
/** For so long an account is not asked again that has answered an upgrade with 404, 405 or 426; nor a client told again that it can have one. */
const NOT_SPOKEN_MS = 600_000;
const MAX_DECLINED = 1_024;
/** How long clients have to answer the last close. */
const LAST_WORDS_MS = 1_000;

/** All WebSockets of the gateway. They share one timer, and none of them costs a request over HTTP anything. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #server: WebSocketServer;
  readonly #open = new Set<SocketSession>();
  readonly #ended: (why: string) => void;
  readonly #notSpoken = new Map<string, number>();
  readonly #declined = new Map<string, number>();
  #speaking = new WeakMap<Pool, Pool>();
  #speakingUntilMs = Infinity;
  #timer: NodeJS.Timeout | null = null;
  #onEmpty: (() => void) | null = null;
  readonly gate: SocketGate;

  constructor(options: SocketsOptions) {
    const { isOn, mayCall, metrics, frameBytes, snapshot } = options;
    this.#options = options;
    this.#server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: frameBytes, clientTracking: false });
    this.#ended = tallies(metrics.switchyard_sockets_closed_total, (why) => ({ why }));
    metrics.switchyard_sockets.follow(() => this.#open.size);
    this.gate = { isOn, mayCall, crowding: (key) => this.#crowding(key), isSpoken: (key, head) => this.#isSpoken(key, head, snapshot()) };
  }

  /** Upgrades a request that may be. @param head  What came behind it. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer, pipeline: PipelineParts): void {
    const upgrade = upgradeOf(request, pipeline);
    if (upgrade === null) {
      socket.destroy();
      return;
    }
    const { metrics, openUpstream, connectMs, frameBytes, pingMs, retireMs, idleMs } = this.#options;
    const { load } = upgrade.key;
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      const session = new SocketSession(
        { ...upgrade, ws, wire: request.socket, request },
        {
          pipeline,
          openUpstream,
          connectMs,
          frameBytes,
          pingMs,
          retireMs,
          idleMs,
          speaking: (pool) => this.#speakingOf(pool),
          isThere: (account) => this.#isThere(account),
          speaks: (account) => this.#speaks(account),
          notSpokenBy: (account) => this.#noteNotSpoken(account),
          declined: (key, at) => this.#decline(key, at),
          onLateFrame: () => metrics.switchyard_socket_late_frames_total.inc(),
          onOtherFrame: () => metrics.switchyard_socket_other_frames_total.inc(),
          onDroppedFrame: () => metrics.switchyard_socket_dropped_frames_total.inc(),
          onEnd: (ended, why) => {
            load.sockets--;
            this.#end(ended, why);
          },
        },
      );
      load.sockets++;
      this.#open.add(session);
      this.#timer ??= setInterval(() => this.#tick(), Math.min(TICK_MS, pingMs / 4)).unref();
    });
  }

  /** Ids of the accounts that have answered, within the last ten minutes, that they do not take WebSockets. */
  get notSpokenBy(): readonly string[] {
    const nowMs = this.#options.nowMs();
    return [...this.#notSpoken].filter(([, untilMs]) => untilMs > nowMs).map(([place]) => place.slice(0, place.indexOf(' ')));
  }

  /** Closes the sockets on which nothing runs; the others close when their turn has ended. */
  drain(): void {
    for (const session of this.#open) if (session.isIdle) session.close(1001, 'stopped');
  }

  /** Closes every socket that is left, and breaks off those whose client does not answer in time. */
  async close(): Promise<void> {
    for (const session of this.#open) session.close(1001, 'stopped');
    if (this.#open.size === 0) return;
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    const timer = setTimeout(() => {
      for (const session of this.#open) session.cutOff('stopped');
    }, LAST_WORDS_MS);
    await empty;
    clearTimeout(timer);
  }

  #tick(): void {
    const nowMs = this.#options.nowMs();
    for (const session of this.#open) session.tick(nowMs);
  }

  /** The accounts are others: sockets to those that are gone end, with what runs on them. */
  dropGone(): void {
    for (const session of this.#open) session.dropIfGone();
  }

  #isThere({ id, baseUrl }: Account): boolean {
    const { byId, off } = this.#options.snapshot();
    return (byId.get(id) ?? off.find((each) => each.id === id))?.baseUrl === baseUrl;
  }

  #end(session: SocketSession, why: string): void {
    this.#open.delete(session);
    this.#ended(why);
    if (this.#open.size > 0) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#onEmpty?.();
  }

  /** A socket at rest costs its key no place among the requests, so sockets have a share of their own (fault row B22). */
  #crowding({ load }: KeyRecord): SwitchyardError | null {
    const { max, keyCount } = this.#options;
    if (load.sockets >= usualKeyLimit(max, keyCount()))
      return new SwitchyardError('rate_limit_exceeded', `This key has ${load.sockets} WebSockets open, as many as it may while there are other keys.`);
    if (this.#open.size >= max) return new SwitchyardError('server_is_overloaded', 'As many sockets are open as this server takes.');
    return null;
  }

  /**
   * Whether an account that could serve something speaks it. The sandbox does too, but a client that came for another account must not be kept
   * from HTTP by that: it counts only where there is nothing else, not even one that cannot serve now.
   */
  #isSpoken(key: KeyRecord, head: RequestHead, table: AccountTable): boolean {
    if ((this.#declined.get(clientOf(key, head) ?? '') ?? 0) > this.#options.nowMs()) return false;
    const may = ({ id }: Pick<Account, 'id'>): boolean => key.accounts === null || key.accounts.has(id);
    const mayServe = (account: Account): boolean => account.models.length > 0 && may(account);
    const pool = poolFor(table, key);
    const inPools = (isOne: (pool: Pool) => boolean): boolean => isOne(pool) || (pool.fallback?.some(isOne) ?? false);
    return (
      inPools((each) => this.#speakingOf(each).members.general.some(mayServe)) ||
      (inPools((each) => this.#speakingOf(each).members.accounts.some(mayServe)) &&
        !inPools(({ members }) => members.general.some(may) || members.off.some(may)))
    );
  }

  #speaks(account: Account): boolean {
    return account.speaksWebSocket && (this.#notSpoken.get(placeOf(account)) ?? 0) <= this.#options.nowMs();
  }

  #speakingOf(pool: Pool): Pool {
    const nowMs = this.#options.nowMs();
    if (nowMs >= this.#speakingUntilMs) {
      for (const [place, untilMs] of this.#notSpoken) if (untilMs <= nowMs) this.#notSpoken.delete(place);
      this.#forgetSpeaking();
    }
    const known = this.#speaking.get(pool);
    if (known !== undefined) return known;
    const speaking = speakingPool(pool, (account) => this.#speaks(account));
    this.#speaking.set(pool, speaking);
    return speaking;
  }

  #noteNotSpoken(account: Account): void {
    this.#notSpoken.set(placeOf(account), this.#options.nowMs() + NOT_SPOKEN_MS);
    this.#forgetSpeaking();
  }

  #forgetSpeaking(): void {
    this.#speaking = new WeakMap();
    this.#speakingUntilMs = Math.min(...this.#notSpoken.values());
  }

  #decline(key: KeyRecord, head: RequestHead): void {
    const client = clientOf(key, head);
    if (client === null) return;
    if (this.#declined.size >= MAX_DECLINED) this.#declined.delete(this.#declined.keys().next().value!);
    this.#declined.set(client, this.#options.nowMs() + NOT_SPOKEN_MS);
  }
}

/** An account at its address: with another one it is asked anew. */
function placeOf({ id, baseUrl }: Account): string {
  return `${id} ${baseUrl}`;
}

/** What stays the same when a client comes again: its key, and the conversation that it names; null when it names none. */
function clientOf(key: KeyRecord, { forward }: RequestHead): string | null {
  for (let i = 0; i < forward.length; i += 2) if (forward[i]!.toLowerCase() === 'thread-id') return `${key.id} ${forward[i + 1]}`;
  return null;
}
