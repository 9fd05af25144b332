import { UpstreamFailure } from '@switchyard/contracts';
import type { Account } from '../choice/account.ts';
import type { FrameFacts } from '../intake/read-frame.ts';
import { SOCKET_BACKLOG } from '../relay/socket-backlog.ts';
import { HoldFrames } from './hold-frames.ts';
import type { FrameSink, RefusedUpgrade, SocketCall, SocketLimits, UpstreamSocket, openUpstreamSocket } from './socket-upstream.ts';
import type { CommittedTurn, TurnRoute } from './turn-route.ts';

export interface UpstreamRouteParts extends SocketLimits {
  readonly openUpstream: typeof openUpstreamSocket;
  /** Of the client's own upgrade. */
  readonly query: string;
  readonly forwarded: readonly string[];
  /** Longest silence of an upstream within a turn. */
  readonly idleMs: number;
  readonly nowMs: () => number;
  /** Whether an account is there, at this address: a turn may have begun by a list of accounts that is no longer the one in force. */
  readonly isThere: (account: Account) => boolean;
  readonly speaks: (account: Account) => boolean;
  readonly notSpokenBy: (account: Account) => void;
  readonly onLateFrame: () => void;
  /** The upstream takes less than the client sends, or is so far again. */
  readonly onBacklog: (isBackedUp: boolean) => void;
}

/** A kept socket that was silent for this long is not trusted with a conversation (product section 4). */
const STALE_MS = 60_000;

/** The socket to an account, and what the turns before left on it. */
interface Link {
  readonly account: Account;
  readonly socket: UpstreamSocket;
  turnState: string | null;
  usedMs: number;
}

/**
 * A client's way to its upstream: one socket at a time, kept from turn to turn while the rules of reuse allow. What still comes on one that was
 * left belongs to nothing any more.
 * @see product section 4
 */
export class UpstreamRoute implements TurnRoute {
  readonly #parts: UpstreamRouteParts;
  #link: Link | null = null;
  #opening: SocketCall | null = null;
  #holding: HoldFrames | null = null;
  // Of the turn in progress.
  #turnState: string | null = null;
  #isRelaying = false;
  // Frames of the upstream that had come at the last look, and when there was a new one.
  #heard = 0;
  #heardMs = 0;
  #isStale = false;
  #hasVanished = false;
  #isBackedUp = false;
  #isClosed = false;

  constructor(parts: UpstreamRouteParts) {
    this.#parts = parts;
  }

  get openTo(): Account | null {
    return this.#link?.account ?? null;
  }

  get isOpen(): boolean {
    return this.#link?.socket.isOpen === true;
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  /** Whether the upstream takes less than the client sends. */
  get isBackedUp(): boolean {
    return this.#isBackedUp;
  }

  /** Whether the socket ended because nothing came from its upstream any more. */
  get hasVanished(): boolean {
    return this.#hasVanished;
  }

  /**
   * Begins a turn. Gives up the open socket when the turn may not go over it: it leads to another account than the owner's, holds another
   * turn's state, or has been silent for so long that its upstream may have forgotten it.
   */
  begin({ turnState, turn }: FrameFacts, owner: Account | null): void {
    this.#turnState = turnState;
    const link = this.#link;
    if (link === null) return;
    this.#isStale = (turn!.claims?.previousResponse ?? null) !== null && this.#parts.nowMs() - link.usedMs > STALE_MS;
    const isOther = (owner !== null && !isSame(owner, link.account)) || (turnState !== null && link.turnState !== null && turnState !== link.turnState);
    if (isOther || this.#isStale || !link.socket.isOpen) this.drop();
  }

  async send(account: Account, frame: Buffer): Promise<HoldFrames | RefusedUpgrade> {
    const { nowMs, openUpstream, query, forwarded, isThere } = this.#parts;
    if (!isThere(account)) throw new UpstreamFailure('connect');
    if (this.#link !== null && !(isSame(this.#link.account, account) && this.#link.socket.isOpen)) this.drop();
    if (this.#link === null) {
      this.#opening = openUpstream(account, query, forwarded, this.#parts, nowMs);
      let opened: UpstreamSocket | RefusedUpgrade;
      try {
        opened = await this.#opening.opened;
      } finally {
        this.#opening = null;
      }
      if ('status' in opened) return opened;
      if (this.#isClosed) {
        opened.end();
        throw new UpstreamFailure('aborted');
      }
      if (!isThere(account)) {
        opened.end();
        throw new UpstreamFailure('connect');
      }
      this.#link = { account, socket: opened, turnState: null, usedMs: nowMs() };
    }
    const held = new HoldFrames(nowMs);
    this.#holding = held;
    this.#link.usedMs = nowMs();
    this.#link.turnState = this.#turnState;
    this.#link.socket.start(held);
    this.#sendUp(this.#link, frame);
    return held;
  }

  drop(): void {
    const link = this.#link;
    this.#link = null;
    // Whoever waits for an opening learns that there will be none.
    this.#holding?.closed(1006);
    this.#holding = null;
    if (link === null) return;
    this.#hasVanished = false;
    link.socket.start({ frame: this.#parts.onLateFrame, closed: () => {} });
    link.socket.end();
    this.#drained();
  }

  speaks(account: Account): boolean {
    return this.#parts.speaks(account);
  }

  notSpokenBy(account: Account): void {
    this.#parts.notSpokenBy(account);
  }

  /** Sends the frames of a committed turn to its relay: those that were held, and those to come. */
  relayTo(relay: FrameSink, { opening }: CommittedTurn): void {
    this.#holding = null;
    this.#isRelaying = true;
    this.#heardMs = this.#parts.nowMs();
    const link = opening instanceof HoldFrames ? this.#link : null;
    for (const { data, isBinary } of opening.frames) relay.frame(data, isBinary);
    if (link !== null && link === this.#link) link.socket.start(relay);
  }

  /** The turn is over. */
  end(): void {
    this.#holding = null;
    this.#turnState = null;
    this.#isRelaying = false;
    this.#isStale = false;
  }

  /** Sends what comes between turns to a sink. */
  rest(sink: FrameSink): void {
    if (this.#link === null) return;
    this.#link.usedMs = this.#parts.nowMs();
    this.#link.socket.start(sink);
  }

  /** The upstream has closed the socket. */
  forget(): void {
    this.#link = null;
  }

  /** The client has gone. */
  close(): void {
    this.#isClosed = true;
    this.#opening?.abort();
    this.drop();
  }

  /** Passes up a frame that asks for no turn; there must be an open socket. */
  passUp(frame: Buffer): void {
    this.#sendUp(this.#link!, frame);
  }

  /** Takes down the state of the turn in progress: the first that is named counts (codex-protocol 2.4). */
  noteTurnState(state: string): void {
    if (this.#link !== null) this.#link.turnState ??= state;
  }

  pause(): void {
    this.#link?.socket.pause();
  }

  resume(): void {
    this.#link?.socket.resume();
  }

  /** Ends the socket when its account has been taken away; what runs on it ends with it. */
  dropIfGone(): void {
    if (this.#link !== null && !this.#parts.isThere(this.#link.account)) this.#link.socket.end();
  }

  /** Looks at the clock. @param isStalled  The client does not take what has come, so the upstream's silence is our doing. */
  tick(nowMs: number, isStalled: boolean): void {
    const link = this.#link;
    const isTaking = link !== null && link.socket.isTaking(nowMs);
    this.#holding?.tick(nowMs, isTaking);
    if (link === null) return;
    if (link.socket.received !== this.#heard || isStalled) {
      this.#heard = link.socket.received;
      this.#heardMs = nowMs;
    }
    const isSilent = this.#isRelaying && nowMs - this.#heardMs > this.#parts.idleMs;
    if (link.socket.beat(nowMs) && !isSilent) return;
    this.#hasVanished = true;
    link.socket.end(); // its sink is told, and does what is to be done at this point of the turn
  }

  #sendUp({ socket }: Link, data: Buffer): void {
    socket.send(data);
    if (socket.backlog <= SOCKET_BACKLOG || this.#isBackedUp) return;
    this.#isBackedUp = true;
    this.#parts.onBacklog(true);
    socket.onDrain(() => this.#drained());
  }

  #drained(): void {
    if (!this.#isBackedUp) return;
    this.#isBackedUp = false;
    this.#parts.onBacklog(false);
  }
}

/** Whether two versions of an account mean one place: a change of the accounts makes new ones of all. */
function isSame(a: Account, b: Account): boolean {
  return a.id === b.id && a.baseUrl === b.baseUrl;
}
