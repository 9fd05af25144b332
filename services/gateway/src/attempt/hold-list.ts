/**
 * Events of a responses stream that commit nothing: they say that an answer has begun, not what it is. As long as no other has come, the
 * client has been sent nothing and another account can still be asked (product section 2).
 */
export const HELD_EVENTS: ReadonlySet<string> = new Set([
  'codex.rate_limits',
  'response.metadata',
  'response.created',
  'response.in_progress',
  'response.queued',
  'response.output_item.added',
  'response.content_part.added',
  'response.reasoning_summary_part.added',
]);

/** Events that are judged like the answer of an upstream when one of them is the first that is not held. */
export const FAILING_EVENTS: ReadonlySet<string> = new Set(['response.failed', 'error']);

/** Longest that an opening is held, from the head of the answer on; and the most bytes of it. */
export const LOOK_AHEAD_MS = 1_000;
export const LOOK_AHEAD_BYTES = 8_192;
