import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { SwitchyardError, newId } from '@switchyard/contracts';
import type { WebSocket } from 'ws';
import { refusalFrame } from './attempt/error-frames.ts';
import type { FrameSink, openUpstreamSocket, SocketLimits } from './attempt/socket-upstream.ts';
import { UpstreamRoute } from './attempt/upstream-route.ts';
import type { Account } from './choice/account.ts';
import type { Pool } from './choice/pool.ts';
import { Heartbeat } from './edge/heartbeat.ts';
import type { KeyRecord } from './edge/key-table.ts';
import { bearerToken } from './edge/read-head.ts';
import type { RequestHead } from './edge/read-head.ts';
import { TurnPeer } from './edge/turn-peer.ts';
import { Uptake } from './edge/uptake.ts';
import { openExchange } from './exchange.ts';
import type { Taken } from './exchange.ts';
import { TurnQueue } from './intake/turn-queue.ts';
import type { WaitingTurn } from './intake/turn-queue.ts';
import { FrameRelay } from './relay/relay-frames.ts';
import type { Frame, TurnLine } from './relay/relay-frames.ts';
import { SOCKET_BACKLOG } from './relay/socket-backlog.ts';
import type { Match } from './routes.ts';
import { asRefusal } from './serve.ts';
import type { PipelineParts } from './serve.ts';
import { serveTurn } from './serve-turn.ts';
import type { SocketEnd } from './socket-ends.ts';

/** The upgrade that a session began with. */
export interface Upgraded {
  readonly ws: WebSocket;
  readonly wire: Socket;
  readonly request: IncomingMessage;
  readonly match: Match;
  readonly head: RequestHead;
  readonly key: KeyRecord;
}

export interface SessionParts extends SocketLimits {
  readonly pipeline: PipelineParts;
  readonly openUpstream: typeof openUpstreamSocket;
  /** Age at which a socket is closed between two turns. */
  readonly retireMs: number;
  /** Longest silence of an upstream within a turn. */
  readonly idleMs: number;
  /** A pool without those of its accounts that do not speak WebSocket. */
  readonly speaking: (pool: Pool) => Pool;
  /** Whether an account is there, at this address. */
  readonly isThere: (account: Account) => boolean;
  readonly speaks: (account: Account) => boolean;
  readonly notSpokenBy: (account: Account) => void;
  /** No account takes this client's turns over WebSocket: its next upgrade is to be refused. */
  readonly declined: (key: KeyRecord, head: RequestHead) => void;
  readonly onLateFrame: () => void;
  /** A frame has come that asks for no turn. */
  readonly onOtherFrame: () => void;
  /** One that could not go up while a turn ran was dropped. */
  readonly onDroppedFrame: () => void;
  readonly onEnd: (session: SocketSession, why: SocketEnd) => void;
}

/** How long a client has to answer a close before it is cut off. */
const CLOSE_MS = 2_000;
/** Frames that say something of the turn in progress and can ask for nothing new. */
const KNOWN_FRAMES: ReadonlySet<string> = new Set(['response.interrupt', 'response.cancel']);

type Turn = Taken & { readonly response: TurnPeer };

/**
 * One client's socket with its way to an upstream. Turns run one after the other, each an exchange of its own: admitted, chosen for,
 * logged and bound as over HTTP. What the client sends beside turns goes to the upstream that is there; what the upstream sends between
 * turns goes to the client. The two live and die together, but for the moves that a turn may make before it is committed.
 * @see product sections 2 and 4
 */
export class SocketSession implements TurnLine, FrameSink {
  readonly #upgraded: Upgraded;
  #key: KeyRecord;
  readonly #parts: SessionParts;
  readonly #heartbeat: Heartbeat;
  readonly #uptake: Uptake;
  readonly #openedMs: number;
  readonly #queue: TurnQueue;
  readonly #upstream: UpstreamRoute;
  #turn: Turn | null = null;
  #isStalled = false;
  #isBinding = false;
  #why: SocketEnd = 'client';
  #closingMs: number | null = null;
  #isGone = false;

  constructor(upgraded: Upgraded, parts: SessionParts) {
    const { ws, wire, head, match } = upgraded;
    const { pipeline, openUpstream, connectMs, frameBytes, pingMs, idleMs, isThere, speaks, notSpokenBy, onLateFrame } = parts;
    this.#upgraded = upgraded;
    this.#key = upgraded.key;
    this.#parts = parts;
    const nowMs = pipeline.nowMs();
    this.#openedMs = nowMs;
    this.#heartbeat = new Heartbeat(ws, pingMs, nowMs);
    this.#uptake = new Uptake(wire, nowMs);
    this.#queue = new TurnQueue({
      memory: pipeline.bodyLimits.memory,
      surface: match.surface,
      head,
      readsItems: pipeline.readsItems,
      refusalOf: (error) => asRefusal(error, '', pipeline.log),
      onTurn: () => {
        if (this.#turn === null) this.#begin();
      },
      onOther: (frame, type) => this.#passUp(frame, type),
      onFlood: () => this.close(1013, 'refused'),
    });
    this.#upstream = new UpstreamRoute({
      openUpstream,
      connectMs,
      frameBytes,
      pingMs,
      query: match.query,
      forwarded: head.forward,
      idleMs,
      nowMs: pipeline.nowMs,
      isThere,
      speaks,
      notSpokenBy,
      onLateFrame,
      onBacklog: (isBackedUp) => (isBackedUp ? ws.pause() : ws.resume()),
    });
    ws.on('message', (data: Buffer, isBinary) => {
      if (isBinary) return this.close(1003, 'refused');
      this.#queue.take(data);
    });
    // A frame that is wrong is answered by `ws` with its close code (fault row B19); the close follows.
    ws.on('error', () => {
      this.#why = 'refused';
      this.#closingMs ??= pipeline.nowMs();
    });
    ws.once('close', () => this.#gone());
  }

  /** Whether no turn runs or waits. */
  get isIdle(): boolean {
    return this.#turn === null && this.#queue.isEmpty;
  }

  /** Ends the socket with a code, between turns or not; a client that does not answer is cut off. */
  close(code: number, why: SocketEnd): void {
    if (this.#closingMs !== null || this.#isGone) return;
    this.#closingMs = this.#parts.pipeline.nowMs();
    this.#why = why;
    const { ws } = this.#upgraded;
    // 1005 and 1006 stand for no code and for no close at all; neither can be sent (RFC 6455 section 7.4.1).
    if (code === 1005) ws.close();
    else if (code === 1006 || code === 1015) ws.terminate();
    else ws.close(code);
  }

  /** Ends the socket at once. */
  cutOff(why: SocketEnd): void {
    this.#closingMs ??= this.#parts.pipeline.nowMs();
    if (!this.#isGone) this.#why = why;
    this.#upgraded.ws.terminate();
  }

  /** Ends the upstream's side when its account has been taken away; what runs on it ends with it. */
  dropIfGone(): void {
    this.#upstream.dropIfGone();
  }

  /** Looks at the clock: pings, deadlines of the turn, and the age of the sockets. */
  tick(nowMs: number): void {
    const { ws, wire } = this.#upgraded;
    if (this.#closingMs !== null) {
      if (nowMs - this.#closingMs > CLOSE_MS) ws.terminate();
      return;
    }
    const stuckMs = this.#uptake.stuckMs(nowMs);
    // Of an answer that waits for its client, however little of it: the limit of stalled clients holds for both.
    if (this.#turn !== null && !this.#isStalled) this.#turn.stalledSinceMs = stuckMs > 0 ? nowMs - stuckMs : null;
    const isExcused = wire.writableLength > 0 && (stuckMs === 0 || this.#turn !== null);
    if (!this.#heartbeat.beat(nowMs, !this.#upstream.isBackedUp && !isExcused)) return this.cutOff('client_vanished');
    this.#upstream.tick(nowMs, this.#isStalled);
    if (this.isIdle && nowMs - this.#openedMs > this.#parts.retireMs) this.close(1001, 'retired');
  }

  /** A frame that asks for no turn belongs to what runs, so it goes where that is. */
  #passUp(data: Buffer, type: string): void {
    this.#parts.onOtherFrame();
    // A key that is held to models may not reach, without naming one, whatever else an account can do.
    if (this.#key.models !== null && !KNOWN_FRAMES.has(type))
      return this.#refuseBeside(
        new SwitchyardError('model_not_found', `This key is held to certain models, and a frame \`${type}\` names none.`, { param: 'type' }),
      );
    if (!this.#upstream.isOpen)
      return this.#refuseBeside(new SwitchyardError('invalid_value', `There is no turn that a frame \`${type}\` could be for.`, { param: 'type' }));
    this.#upstream.passUp(data);
  }

  /** While a turn runs an answer would be taken for the turn's end, so there is none. */
  #refuseBeside(refusal: SwitchyardError): void {
    if (this.#turn === null) this.#answer(refusal);
    else this.#parts.onDroppedFrame();
  }

  // Turns.

  #begin(): void {
    const next = this.#queue.next();
    const { keys, wallClockMs, nowMs, clientAddress, settler, bodyLimits } = this.#parts.pipeline;
    if (next === undefined) return;
    if (this.#closingMs !== null) return bodyLimits.memory.release(next.data.length);
    const { request, match, head } = this.#upgraded;
    const startedAtMs = wallClockMs();
    // The key may have been revoked, or held to other models, since the socket was opened.
    const known = keys.find(bearerToken(head.authorization) ?? '');
    this.#key = known ?? this.#key;
    const exchange = openExchange({
      id: newId('request', startedAtMs),
      request,
      response: new TurnPeer(() => this.cutOff(this.#turn?.cut === 'shut_down' ? 'stopped' : 'client')),
      match,
      head,
      key: this.#key,
      clientAddress: clientAddress(request, head),
      startedAtMs,
      startedMs: nowMs(),
    });
    this.#turn = exchange;
    settler.open(exchange);
    void this.#run(exchange, next, known !== undefined);
  }

  async #run(exchange: Turn, waiting: WaitingTurn, isKnown: boolean): Promise<void> {
    const { pipeline, speaking } = this.#parts;
    const met = await serveTurn(exchange, waiting, isKnown, this.#upstream, speaking, pipeline);
    // The client may have left in the very turn in which the answer came.
    if (met === null || exchange.openAt === -1) return;
    if (met instanceof SwitchyardError) return this.#refuse(exchange, met);
    this.#upstream.relayTo(new FrameRelay(exchange, met.account, this, pipeline.relay), met);
  }

  #refuse(exchange: Turn, refusal: SwitchyardError): void {
    const { pipeline, declined } = this.#parts;
    exchange.fault = refusal.code;
    exchange.outcome = 'refused';
    exchange.status = refusal.fault.status;
    pipeline.log.debug('turn_refused', refusal.message, { request_id: exchange.id, key_id: exchange.key.id, code: refusal.code });
    this.#answer(refusal, exchange.id);
    this.ended();
    if (refusal.code === 'invalid_api_key') this.close(1008, 'refused');
    if (refusal.code === 'no_account_available') {
      declined(exchange.key, exchange.head);
      this.close(1013, 'no_account');
    }
  }

  // What the relay of a turn asks for.

  pass({ data, isBinary }: Frame, sent?: () => void): void {
    const { ws, wire } = this.#upgraded;
    ws.send(data, { binary: isBinary }, sent);
    if (wire.writableLength <= SOCKET_BACKLOG) return;
    this.#upstream.pause();
    if (this.#turn !== null) this.#turn.stalledSinceMs ??= this.#parts.pipeline.nowMs();
    if (this.#isStalled) return;
    this.#isStalled = true;
    wire.once('drain', () => {
      this.#isStalled = false;
      if (this.#turn !== null) this.#turn.stalledSinceMs = null;
      if (!this.#isBinding) this.#upstream.resume();
    });
  }

  pauseUpstream(): void {
    this.#isBinding = true;
    this.#upstream.pause();
  }

  resumeUpstream(): void {
    this.#isBinding = false;
    if (!this.#isStalled) this.#upstream.resume();
  }

  turnState(state: string): void {
    this.#upstream.noteTurnState(state);
  }

  ended(): void {
    const exchange = this.#turn;
    if (exchange === null || this.#isGone) return;
    this.#endTurn(exchange, true);
    this.#upstream.rest(this);
    if (!this.#queue.isEmpty) return this.#begin();
    if (this.#parts.pipeline.isStopping()) this.close(1001, 'stopped');
  }

  cut(code: number): void {
    const exchange = this.#turn;
    this.#upstream.forget();
    if (exchange !== null) {
      if (exchange.cut === null) exchange.outcome = 'upstream_cut';
      this.#endTurn(exchange, false);
    }
    this.close(code, this.#upstream.hasVanished ? 'upstream_vanished' : 'upstream');
  }

  #endTurn(exchange: Turn, isWhole: boolean): void {
    this.#turn = null;
    this.#upstream.end();
    exchange.response.end(isWhole);
  }

  // Between turns.

  frame(data: Buffer, isBinary: boolean): void {
    this.pass({ data, isBinary });
  }

  closed(code: number): void {
    this.cut(code);
  }

  #answer(refusal: SwitchyardError, requestId = newId('request', this.#parts.pipeline.wallClockMs())): void {
    this.pass({ data: refusalFrame(refusal, requestId), isBinary: false });
  }

  /** The client has left, or has been made to. */
  #gone(): void {
    this.#isGone = true;
    this.#upstream.close();
    if (this.#turn !== null) this.#endTurn(this.#turn, false);
    this.#queue.close();
    this.#parts.onEnd(this, this.#why);
  }
}
