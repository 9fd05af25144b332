import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { SwitchyardError, UpstreamFailure, newId } from '@switchyard/contracts';
import type { WebSocket } from 'ws';
import { HoldFrames } from './attempt/hold-frames.ts';
import { refusalFrame, runTurn } from './attempt/socket-turn.ts';
import type { CommittedTurn, TurnRoute } from './attempt/socket-turn.ts';
import type { openUpstreamSocket, FrameSink, RefusedUpgrade, SocketCall, SocketLimits, UpstreamSocket } from './attempt/socket-upstream.ts';
import type { Owner } from './attempt/owner.ts';
import { resolveOwner } from './bindings/resolve-owner.ts';
import type { Account, Snapshot } from './choice/account.ts';
import { Heartbeat } from './edge/heartbeat.ts';
import type { KeyRecord } from './edge/key-table.ts';
import { bearerToken } from './edge/read-head.ts';
import type { RequestHead } from './edge/read-head.ts';
import { openExchange } from './exchange.ts';
import type { Peer, Taken } from './exchange.ts';
import { CREATE, readFrame } from './intake/read-frame.ts';
import type { FrameFacts } from './intake/read-frame.ts';
import { FrameRelay } from './relay/relay-frames.ts';
import type { Frame, TurnLine } from './relay/relay-frames.ts';
import type { Match } from './routes.ts';
import { asRefusal, refuseUnknownModel } from './serve.ts';
import type { PipelineParts } from './serve.ts';
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
  /** The accounts of a snapshot that speak WebSocket. */
  readonly speaking: (snapshot: Snapshot) => Snapshot;
  readonly notSpokenBy: (account: Account) => void;
  /** No account takes this client's turns over WebSocket: its next upgrade is to be refused. */
  readonly declined: (key: KeyRecord, head: RequestHead) => void;
  readonly onLateFrame: () => void;
  /** A frame that asks for no turn went up. */
  readonly onOtherFrame: () => void;
  readonly onEnd: (session: SocketSession, why: SocketEnd) => void;
}

/** So much may wait on one side before the other is not read any more. */
const HIGH_WATER = 1_048_576;
/** Turns that a client may ask for before the one in progress has ended. */
const MAX_WAITING = 16;
/** A kept socket that was silent for this long is not trusted with a conversation (product section 4). */
const STALE_MS = 60_000;
/** How long a client has to answer a close before it is cut off. */
const CLOSE_MS = 2_000;

/** The socket to an account, and what the turns before left on it. */
interface Link {
  readonly account: Account;
  readonly socket: UpstreamSocket;
  turnState: string | null;
  usedMs: number;
}

type Turn = Taken & { readonly response: TurnPeer };

/** A turn, as its exchange knows whom it answers. */
class TurnPeer extends EventEmitter implements Peer {
  writableFinished = false;
  readonly errored = null;
  readonly socket = null;
  readonly #cutOff: () => void;

  constructor(cutOff: () => void) {
    super();
    this.#cutOff = cutOff;
  }

  destroy(): void {
    this.#cutOff();
  }
}

interface Waiting {
  readonly data: Buffer;
  readonly read: FrameFacts | SwitchyardError;
}

/**
 * One client's socket with the one to its upstream. Turns run one after the other, each an exchange of its own: admitted, chosen for,
 * logged and bound as over HTTP. What the client sends beside turns goes to the upstream that is there; what the upstream sends between
 * turns goes to the client. The two live and die together, but for the moves that a turn may make before it is committed.
 * @see product sections 2 and 4
 */
export class SocketSession implements TurnLine, TurnRoute, FrameSink {
  readonly #upgraded: Upgraded;
  #key: KeyRecord;
  readonly #parts: SessionParts;
  readonly #heartbeat: Heartbeat;
  readonly #openedMs: number;
  #reading: Promise<void> = Promise.resolve();
  readonly #waiting: Waiting[] = [];
  #turn: Turn | null = null;
  #facts: FrameFacts | null = null;
  #link: Link | null = null;
  #opening: SocketCall | null = null;
  #holding: HoldFrames | null = null;
  #isRelaying = false;
  // Frames of the upstream that had come at the last look, and when there was a new one.
  #heard = 0;
  #heardMs = 0;
  #isStalled = false;
  #isBinding = false;
  #clientIsPaused = false;
  #why: SocketEnd = 'client';
  #closingMs: number | null = null;
  #isGone = false;

  constructor(upgraded: Upgraded, parts: SessionParts) {
    const { ws } = upgraded;
    this.#upgraded = upgraded;
    this.#key = upgraded.key;
    this.#parts = parts;
    const nowMs = parts.pipeline.nowMs();
    this.#openedMs = nowMs;
    this.#heartbeat = new Heartbeat(ws, parts.pingMs, nowMs);
    ws.on('message', (data: Buffer, isBinary) => {
      if (isBinary) return this.close(1003, 'refused');
      this.#take(data);
    });
    // A frame that is wrong is answered by `ws` with its close code (fault row B19); the close follows.
    ws.on('error', () => {
      this.#why = 'refused';
      this.#closingMs ??= parts.pipeline.nowMs();
    });
    ws.once('close', () => this.#gone());
  }

  /** Whether no turn runs or waits. */
  get isIdle(): boolean {
    return this.#turn === null && this.#waiting.length === 0;
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
  dropUnless(isThere: (account: Account) => boolean): void {
    if (this.#link !== null && !isThere(this.#link.account)) this.#link.socket.end();
  }

  /** Looks at the clock: pings, deadlines of the turn, and the age of the sockets. */
  tick(nowMs: number): void {
    const { wire } = this.#upgraded;
    if (this.#closingMs !== null) {
      if (nowMs - this.#closingMs > CLOSE_MS) this.#upgraded.ws.terminate();
      return;
    }
    this.#holding?.tick(nowMs, this.#link !== null && this.#link.socket.backlog > 0);
    if (!this.#heartbeat.beat(nowMs, !this.#clientIsPaused && wire.writableLength === 0)) return this.cutOff('client_vanished');
    const link = this.#link;
    if (link !== null) {
      if (link.socket.received !== this.#heard || this.#isStalled) {
        this.#heard = link.socket.received;
        this.#heardMs = nowMs;
      }
      const isSilent = this.#isRelaying && nowMs - this.#heardMs > this.#parts.idleMs;
      if (!link.socket.beat(nowMs) || isSilent) {
        this.#why = 'upstream_vanished';
        link.socket.end(); // its sink is told, and does what is to be done at this point of the turn
      }
    }
    if (this.isIdle && nowMs - this.#openedMs > this.#parts.retireMs) this.close(1001, 'retired');
  }

  // What a client sends.

  #take(data: Buffer): void {
    try {
      this.#parts.pipeline.bodyLimits.memory.take(data.length);
    } catch (error) {
      // Nothing of it is kept, so there is no turn that could be logged.
      return this.#answer(asRefusal(error, '', this.#parts.pipeline.log), newId('request', this.#parts.pipeline.wallClockMs()));
    }
    this.#reading = this.#reading.then(() => this.#read(data));
  }

  async #read(data: Buffer): Promise<void> {
    const { pipeline, onOtherFrame } = this.#parts;
    let read: Waiting['read'];
    try {
      const { match, head } = this.#upgraded;
      read = await readFrame(data, match.surface, head, pipeline.snapshot().accounts.length > 1);
    } catch (error) {
      read = asRefusal(error, '', pipeline.log);
    }
    if (this.#isGone) return pipeline.bodyLimits.memory.release(data.length);
    if (!(read instanceof SwitchyardError) && read.type !== CREATE) {
      pipeline.bodyLimits.memory.release(data.length);
      onOtherFrame();
      return this.#passUp(data, read.type);
    }
    const isFull = this.#waiting.length >= MAX_WAITING;
    this.#waiting.push({ data, read: isFull ? new SwitchyardError('server_is_overloaded', `More than ${MAX_WAITING} turns wait on this socket.`) : read });
    if (this.#turn === null) this.#begin();
  }

  /** A frame that asks for no turn belongs to what runs, so it goes where that is. */
  #passUp(data: Buffer, type: string): void {
    const link = this.#link;
    const key = this.#key;
    // A key that is held to models may not reach, without naming one, whatever else an account can do.
    const refusal =
      key.models !== null && !KNOWN_FRAMES.has(type)
        ? new SwitchyardError('model_not_found', `This key is held to certain models, and a frame \`${type}\` names none.`, { param: 'type' })
        : link === null || !link.socket.isOpen
          ? new SwitchyardError('invalid_value', `There is no turn that a frame \`${type}\` could be for.`, { param: 'type' })
          : null;
    if (refusal !== null) return this.#answer(refusal, newId('request', this.#parts.pipeline.wallClockMs()));
    this.#sendUp(link!, data);
  }

  #sendUp({ socket }: Link, data: Buffer): void {
    socket.send(data);
    if (socket.backlog <= HIGH_WATER || this.#clientIsPaused) return;
    this.#clientIsPaused = true;
    this.#upgraded.ws.pause();
    socket.onDrain(() => this.#readClient());
  }

  #readClient(): void {
    if (!this.#clientIsPaused) return;
    this.#clientIsPaused = false;
    this.#upgraded.ws.resume();
  }

  // Turns.

  #begin(): void {
    const next = this.#waiting.shift();
    if (next === undefined || this.#closingMs !== null) {
      if (next !== undefined) this.#parts.pipeline.bodyLimits.memory.release(next.data.length);
      return;
    }
    const { keys, wallClockMs, nowMs, clientAddress, settler } = this.#parts.pipeline;
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

  async #run(exchange: Turn, { data, read }: Waiting, isKnown: boolean): Promise<void> {
    const { pipeline, speaking, declined } = this.#parts;
    const { settler, gate, log } = pipeline;
    let isStale = false;
    try {
      if (read instanceof SwitchyardError) {
        pipeline.bodyLimits.memory.release(data.length);
        exchange.bytesIn = data.length;
        throw read;
      }
      settler.takeFacts(exchange, read.turn!);
      if (!isKnown) throw new SwitchyardError('invalid_api_key', 'This API key has been revoked.');
      if (pipeline.isStopping()) throw new SwitchyardError('shutting_down', 'The server is stopping.');
      const full = gate.enter(exchange);
      if (full !== null) throw full;
      const snapshot = pipeline.snapshot();
      refuseUnknownModel(read.turn!.model!, exchange.key, snapshot);
      this.#facts = read;
      // What is bound to nobody but continues something continues what this socket holds.
      const before = (read.turn!.claims?.previousResponse ?? null) === null ? null : (this.#link?.account ?? null);
      const bound = await resolveOwner(exchange, snapshot, pipeline.owners);
      if (exchange.openAt === -1) return; // the client left meanwhile
      const held = before === null ? undefined : snapshot.byId.get(before.id);
      const isLoose = bound === null || (bound.strength === 'soft' && exchange.affinity?.kind !== 'response');
      const owner: Owner | null = isLoose && held !== undefined ? { account: held, strength: 'hard' } : bound;
      const shut = gate.admit(exchange, owner);
      if (shut !== null) {
        const refusal = await shut;
        if (exchange.openAt === -1) return;
        if (refusal !== null) throw refusal;
      }
      isStale = this.#settleLink(owner === null || owner.strength === 'soft' ? null : owner.account, read);
      const committed = await runTurn(exchange, speaking(snapshot), owner, this, pipeline.attempts);
      if (committed === null) return;
      settler.holdsAccount(exchange, committed.account);
      settler.dropBody(exchange);
      this.#relay(exchange, committed);
    } catch (error) {
      const told = asRefusal(error, exchange.id, log);
      const refusal =
        isStale && told.code === 'upstream_unreachable'
          ? new SwitchyardError('stale_continuation', 'The socket that this continues was silent for too long, and its account took no new one.', {
              cause: told,
            })
          : told;
      if (exchange.openAt === -1) return;
      exchange.fault = refusal.code;
      exchange.outcome = 'refused';
      exchange.status = refusal.fault.status;
      log.debug('turn_refused', refusal.message, { request_id: exchange.id, key_id: exchange.key.id, code: refusal.code });
      this.#answer(refusal, exchange.id);
      this.ended();
      if (refusal.code === 'invalid_api_key') this.close(1008, 'refused');
      if (refusal.code === 'no_account_available') {
        declined(exchange.key, exchange.head);
        this.close(1013, 'no_account');
      }
    }
  }

  /**
   * Gives up the open socket when the turn may not go over it: it leads to another account than the owner's, holds another turn's state,
   * or has been silent for so long that its upstream may have forgotten it (product section 4).
   * @returns whether it was that last thing
   */
  #settleLink(owner: Account | null, { turnState, turn }: FrameFacts): boolean {
    const link = this.#link;
    if (link === null) return false;
    const isStale = (turn!.claims?.previousResponse ?? null) !== null && this.#parts.pipeline.nowMs() - link.usedMs > STALE_MS;
    const isOther = (owner !== null && !isSame(owner, link.account)) || (turnState !== null && link.turnState !== null && turnState !== link.turnState);
    if (isOther || isStale || !link.socket.isOpen) this.drop();
    return isStale;
  }

  #relay(exchange: Taken, { account, opening }: CommittedTurn): void {
    // The client may have left in the very turn in which the answer came.
    if (exchange.openAt === -1) return;
    const relay = new FrameRelay(exchange, account, this, this.#parts.pipeline.relay);
    const { frames } = opening;
    this.#holding = null;
    this.#isRelaying = true;
    this.#heardMs = this.#parts.pipeline.nowMs();
    const link = opening instanceof HoldFrames ? this.#link : null;
    for (const { data, isBinary } of frames) relay.frame(data, isBinary);
    if (link !== null && link === this.#link) link.socket.start(relay);
  }

  // What the attempts of a turn ask for.

  get openTo(): Account | null {
    return this.#link?.account ?? null;
  }

  async send(account: Account): Promise<HoldFrames | RefusedUpgrade> {
    const { nowMs } = this.#parts.pipeline;
    if (this.#link !== null && !isSame(this.#link.account, account)) this.drop();
    if (this.#link === null) {
      const { head, match } = this.#upgraded;
      this.#opening = this.#parts.openUpstream(account, match.query, head.forward, this.#parts, nowMs);
      let opened: UpstreamSocket | RefusedUpgrade;
      try {
        opened = await this.#opening.opened;
      } finally {
        this.#opening = null;
      }
      if ('status' in opened) return opened;
      if (this.#isGone) {
        opened.end();
        throw new UpstreamFailure('aborted');
      }
      this.#link = { account, socket: opened, turnState: null, usedMs: nowMs() };
    }
    const held = new HoldFrames(nowMs);
    this.#holding = held;
    this.#link.usedMs = nowMs();
    this.#link.turnState = this.#facts?.turnState ?? null;
    this.#link.socket.start(held);
    this.#sendUp(this.#link, this.#turn!.facts!.body);
    return held;
  }

  drop(): void {
    const link = this.#link;
    this.#link = null;
    // Whoever waits for an opening learns that there will be none.
    this.#holding?.closed(1006);
    this.#holding = null;
    if (link === null) return;
    if (this.#why === 'upstream_vanished') this.#why = 'client';
    // What still comes on it belongs to nothing any more.
    link.socket.start({ frame: this.#parts.onLateFrame, closed: () => {} });
    link.socket.end();
    this.#readClient();
  }

  notSpokenBy(account: Account): void {
    this.#parts.notSpokenBy(account);
  }

  // What the relay of a turn asks for.

  pass({ data, isBinary }: Frame, sent?: () => void): void {
    const { ws, wire } = this.#upgraded;
    ws.send(data, { binary: isBinary }, sent);
    if (wire.writableLength <= HIGH_WATER) return;
    this.#link?.socket.pause();
    if (this.#turn !== null) this.#turn.stalledSinceMs ??= this.#parts.pipeline.nowMs();
    if (this.#isStalled) return;
    this.#isStalled = true;
    wire.once('drain', () => {
      this.#isStalled = false;
      if (this.#turn !== null) this.#turn.stalledSinceMs = null;
      if (!this.#isBinding) this.#link?.socket.resume();
    });
  }

  pauseUpstream(): void {
    this.#isBinding = true;
    this.#link?.socket.pause();
  }

  resumeUpstream(): void {
    this.#isBinding = false;
    if (!this.#isStalled) this.#link?.socket.resume();
  }

  turnState(state: string): void {
    if (this.#link !== null) this.#link.turnState ??= state;
  }

  ended(): void {
    const exchange = this.#turn;
    if (exchange === null || this.#isGone) return;
    this.#endTurn(exchange, true);
    const link = this.#link;
    if (link !== null) {
      link.usedMs = this.#parts.pipeline.nowMs();
      link.socket.start(this);
    }
    if (this.#waiting.length > 0) return this.#begin();
    if (this.#parts.pipeline.isStopping()) this.close(1001, 'stopped');
  }

  cut(code: number): void {
    const exchange = this.#turn;
    this.#link = null;
    if (exchange !== null) {
      if (exchange.cut === null) exchange.outcome = 'upstream_cut';
      this.#endTurn(exchange, false);
    }
    this.close(code, this.#why === 'upstream_vanished' ? 'upstream_vanished' : 'upstream');
  }

  #endTurn(exchange: Turn, isWhole: boolean): void {
    this.#turn = null;
    this.#facts = null;
    this.#holding = null;
    this.#isRelaying = false;
    exchange.response.writableFinished = isWhole;
    exchange.response.emit('close');
  }

  // Between turns.

  frame(data: Buffer, isBinary: boolean): void {
    this.pass({ data, isBinary });
  }

  closed(code: number): void {
    this.cut(code);
  }

  #answer(refusal: SwitchyardError, requestId: string): void {
    this.pass({ data: refusalFrame(refusal, requestId), isBinary: false });
  }

  /** The client has left, or has been made to. */
  #gone(): void {
    this.#isGone = true;
    this.#opening?.abort();
    this.drop();
    if (this.#turn !== null) this.#endTurn(this.#turn, false);
    for (const { data } of this.#waiting.splice(0)) this.#parts.pipeline.bodyLimits.memory.release(data.length);
    this.#parts.onEnd(this, this.#why);
  }
}

/** Whether two versions of an account mean one place: a change of the accounts makes new ones of all. */
function isSame(a: Account, b: Account): boolean {
  return a.id === b.id && a.baseUrl === b.baseUrl;
}

/** Frames that say something of the turn in progress and can ask for nothing new. */
const KNOWN_FRAMES: ReadonlySet<string> = new Set(['response.interrupt', 'response.cancel']);
