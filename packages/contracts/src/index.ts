export { parseCodexLogin, renewLoginAtMs } from './codex-login.ts';
export type { CodexLogin } from './codex-login.ts';
export { FAULTS, SwitchyardError, errorEnvelope, retryAfterSeconds } from './faults.ts';
export type { ErrorEnvelope, Fault, FaultCode, RetryAdvice } from './faults.ts';
export { FaultBudget, ON_PURPOSE } from './fault-budget.ts';
export { ID_PREFIXES, isId, newId } from './ids.ts';
export type { IdKind } from './ids.ts';
export { UPSTREAM_FAILURES, UpstreamFailure } from './upstream.ts';
export type { AnswerHeaders, BodySink, Upstream, UpstreamAnswer, UpstreamBody, UpstreamCall, UpstreamFailureReason, UpstreamRequest } from './upstream.ts';
