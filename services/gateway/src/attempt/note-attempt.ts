import type { UpstreamAnswer, UpstreamFailure } from '@switchyard/contracts';
import type { Account } from '../choice/account.ts';
import { LANE_AT } from '../choice/lanes.ts';
import { noteOutcome } from '../choice/note-outcome.ts';
import { quotaFromHeaders, tellsQuota } from '../choice/read-quota.ts';
import type { Taken } from '../exchange.ts';
import type { AttemptRecord } from '../settle/decision.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { judgeFailure } from './judge.ts';
import type { Judgement } from './judge.ts';
import { PASSED_ON } from './policy.ts';

/** How long an account is not asked for a model that it refused without saying until when. */
const MODEL_LIMIT_MS = 300_000;

/** What an attempt showed, whatever it went over: an answer or a failure, and what that means. */
export interface Noted {
  readonly answer: Pick<UpstreamAnswer, 'status' | 'headers'> | null;
  readonly failure: UpstreamFailure | null;
  readonly judgement: Judgement;
}

/**
 * Writes down what an attempt showed: in the decision, in the account's figures, in the metrics.
 * @param tookMs  From the attempt to the first that came of its answer.
 */
export function noteAttempt(
  record: AttemptRecord,
  result: Noted,
  account: Account,
  model: string | null,
  lane: number,
  tookMs: number,
  parts: AttemptParts,
): void {
  const { judgement, answer, failure } = result;
  record.status = answer?.status;
  record.failure = failure?.reason;
  record.failure_detail = failure?.detail ?? undefined;
  record.upstream_code = judgement.code ?? undefined;
  if (judgement.policy !== PASSED_ON) record.policy = judgement.policy.name;
  record.backoff = judgement.backoff ?? undefined;
  if (failure !== null) parts.metrics.switchyard_upstream_failures_total.inc({ reason: failure.reason });
  else parts.answered(answer!.status);
  setBackoff(account, model, lane, result, tookMs, parts);
}

/** Writes down that an account refused a credential that has been replaced: it says nothing of the account. */
export function noteRenewed(record: AttemptRecord, { answer, judgement }: Pick<Noted, 'answer' | 'judgement'>, { answered }: AttemptParts): void {
  record.status = answer?.status;
  record.upstream_code = judgement.code ?? undefined;
  record.policy = judgement.policy.name;
  record.verdict = 'same_account';
  if (answer !== null) answered(answer.status);
}

/** Writes down that an answer broke off after it had begun: too late for another account, but not for the next request. */
export function noteBroken(exchange: Pick<Taken, 'decision' | 'match' | 'model'>, account: Account, failure: UpstreamFailure, parts: AttemptParts): void {
  if (failure.reason === 'aborted') return;
  const record = exchange.decision?.attempts.findLast(({ verdict }) => verdict === 'relayed');
  // One that broke off in its opening, and was passed on for want of a better, has been written down.
  if (record?.failure !== undefined) return;
  if (record !== undefined) {
    record.failure = failure.reason;
    record.backoff = 'transport';
  }
  parts.metrics.switchyard_upstream_failures_total.inc({ reason: failure.reason });
  const result = { answer: null, failure, judgement: judgeFailure(failure.reason) };
  setBackoff(account, exchange.model, LANE_AT[exchange.match.surface.lane], result, 0, parts);
}

/** Takes what an attempt has shown into the figures of the account, and says so when that puts it aside. */
function setBackoff(account: Account, model: string | null, lane: number, result: Noted, tookMs: number, parts: AttemptParts): void {
  const { live, metrics, log, wallClockMs } = parts;
  const { judgement, answer, failure } = result;
  const { slot } = account;
  if (answer !== null && tellsQuota(answer.headers)) {
    const reading = quotaFromHeaders(answer.headers, wallClockMs());
    if (reading !== null) live.observe(slot, reading);
  }
  const reason = judgement.backoff;
  const wasAside = reason !== null && live.backInMs(slot, lane) > 0;
  if (reason === 'model_quota' && model !== null)
    parts.limitModel(account.id, model, judgement.retryAfterS === null ? MODEL_LIMIT_MS : judgement.retryAfterS * 1_000);
  noteOutcome(live, slot, lane, answer === null ? null : answer.status, failure === null ? null : failure.reason, judgement, tookMs);
  if (reason === null) return;
  metrics.switchyard_backoffs_total.inc({ reason });
  if (wasAside) return;
  log.warn('account_backing_off', 'An account is put aside for a while', {
    account: account.name,
    account_id: account.id,
    reason,
    ...(failure === null ? {} : { error: failure }),
  });
}
