import { UpstreamFailure } from '@switchyard/contracts';
import type { AnswerHeaders } from '@switchyard/contracts';
import type { Account } from '../choice/account.ts';
import { errorIn } from '../relay/frame-facts.ts';
import { upgradeRefusalFrame } from './error-frames.ts';
import type { HoldFrames } from './hold-frames.ts';
import { judgeAnswer, judgeEvent, judgeFailure } from './judge.ts';
import type { Judgement } from './judge.ts';
import type { RefusedUpgrade } from './socket-upstream.ts';
import type { CommittedTurn, TurnRoute } from './turn-route.ts';

/** Answers of an upgrade that say: not over WebSocket. */
const NOT_SPOKEN = new Set([404, 405, 426]);

/** What came of sending a turn to an account. */
export interface TurnResult {
  /** What the client would get; null when nothing came. */
  readonly turn: CommittedTurn | null;
  /** What the upstream said of the turn, as an HTTP answer would; null when nothing came. */
  readonly answer: { readonly status: number; readonly headers: AnswerHeaders } | null;
  /** Monotonic milliseconds at which its first frame came; null when none did. */
  readonly firstMs: number | null;
  readonly failure: UpstreamFailure | null;
  /** Null when the account was not asked at all: it does not speak this. */
  readonly judgement: Judgement | null;
  /** The socket broke off before anything had come. */
  readonly isUntouched: boolean;
}

const NOTHING: TurnResult = { turn: null, answer: null, firstMs: null, failure: null, judgement: null, isUntouched: false };
const SERVED = { status: 200, headers: {} };

/**
 * Sends a turn to an account, and holds what comes until it is known what that is.
 * @param isOwned  Only this account may answer.
 */
export async function attemptTurn(account: Account, frame: Buffer, isOwned: boolean, route: TurnRoute, wallClockMs: () => number): Promise<TurnResult> {
  let reached: HoldFrames | RefusedUpgrade;
  try {
    reached = await route.send(account, frame);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    return failed(error);
  }
  if ('status' in reached) {
    if (NOT_SPOKEN.has(reached.status)) {
      route.notSpokenBy(account);
      return { ...NOTHING, answer: reached };
    }
    const turn = { account, opening: { frames: [{ data: upgradeRefusalFrame(reached), isBinary: false }] } };
    return { ...NOTHING, turn, answer: reached, judgement: judgeAnswer(reached, reached.body, wallClockMs()) };
  }
  const opening = await reached.opening;
  const turn = { account, opening: reached };
  switch (opening.is) {
    case 'committed':
      return { ...NOTHING, turn, answer: SERVED, firstMs: reached.firstMs, judgement: judgeAnswer(SERVED, null, wallClockMs()) };
    case 'failing': {
      const { status, headers, body } = errorIn(opening.frame);
      const judgement = judgeFrame(status, headers, body, wallClockMs());
      // What was not stored lives on the socket: an owner that is asked again is asked there, as long as it is open. Not so with a credential
      // that was refused: a socket keeps the one that it was opened with.
      if (judgement.policy.name === 'credential_refused' || (judgement.policy.free === 'next' && !isOwned)) route.drop();
      return { ...NOTHING, turn, answer: { status: status ?? 200, headers }, firstMs: reached.firstMs, judgement };
    }
    case 'closed':
      route.drop();
      return { ...failed(new UpstreamFailure('reset')), isUntouched: reached.frames.length === 0 };
    case 'silent':
      route.drop();
      return failed(new UpstreamFailure('head_timeout'));
  }
}

function failed(failure: UpstreamFailure): TurnResult {
  return { ...NOTHING, failure, judgement: judgeFailure(failure.reason) };
}

/** A frame that fails is judged as the answer would be that says the same over HTTP. */
function judgeFrame(status: number | null, headers: Readonly<Record<string, string>>, body: Buffer, wallClockMs: number): Judgement {
  return status === null ? judgeEvent(body.toString(), wallClockMs) : judgeAnswer({ status, headers }, body, wallClockMs);
}
