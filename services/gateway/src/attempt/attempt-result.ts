import type { UpstreamAnswer, UpstreamFailure } from '@switchyard/contracts';
import type { Collected } from './collect-body.ts';
import { judgeAnswer, judgeEvent, judgeFailure } from './judge.ts';
import type { Judgement } from './judge.ts';
import type { LookAhead } from './look-ahead.ts';
import type { Noted } from './note-attempt.ts';

/** What came of an attempt over HTTP. */
export interface AttemptResult extends Noted {
  readonly answer: UpstreamAnswer | null;
  readonly collected: Collected | null;
}

/** The opening of a stream was looked at. */
export function openingResult(answer: UpstreamAnswer, ahead: LookAhead, wallClockMs: () => number): AttemptResult {
  return { answer, collected: ahead, failure: ahead.failure, judgement: judgeOpening(answer, ahead, wallClockMs) };
}

/** There is an answer, of which so much was read as is needed to judge it. */
export function answerResult(answer: UpstreamAnswer, collected: Collected | null, wallClockMs: () => number): AttemptResult {
  return { answer, collected, failure: null, judgement: judgeAnswer(answer, joined(collected), wallClockMs()) };
}

/** There is none. */
export function failureResult(failure: UpstreamFailure): AttemptResult {
  return { answer: null, collected: null, failure, judgement: judgeFailure(failure.reason) };
}

function judgeOpening(answer: UpstreamAnswer, ahead: LookAhead, wallClockMs: () => number): Judgement {
  if (ahead.failed !== null) return judgeEvent(ahead.failed, wallClockMs());
  if (ahead.ended === 'broken_off') return judgeFailure(ahead.failure?.reason ?? 'ended');
  return judgeAnswer(answer, null, 0);
}

function joined(collected: Collected | null): Buffer | null {
  if (collected === null) return null;
  return collected.front.length === 1 ? collected.front[0]! : Buffer.concat(collected.front);
}
