import type { Account } from '../choice/account.ts';
import type { Frame } from '../relay/relay-frames.ts';
import type { HoldFrames } from './hold-frames.ts';
import type { RefusedUpgrade } from './socket-upstream.ts';

/** The sockets of one client, as its turn sees them. */
export interface TurnRoute {
  /** Whether an account takes turns over WebSocket, as far as is known. */
  speaks(account: Account): boolean;
  /** Whose socket the turns before went over, while it is open and may be used again for this turn; else null. */
  readonly openTo: Account | null;
  /** The turn goes on from a socket that rested for too long: one new one is all that it gets. */
  readonly isStale: boolean;
  /** Sends the turn over the socket to this account: the open one if it leads there, else a new one. Rejects with UpstreamFailure only. */
  send(account: Account, frame: Buffer): Promise<HoldFrames | RefusedUpgrade>;
  /** Closes the socket, which has come to nothing. */
  drop(): void;
  /** The account does not take WebSockets, whatever was said of it. */
  notSpokenBy(account: Account): void;
}

export interface CommittedTurn {
  readonly account: Account;
  /** What came of the answer so far; the socket to the account is the open one, unless the answer is an `error` frame of its own. */
  readonly opening: HoldFrames | { readonly frames: readonly Frame[] };
}
