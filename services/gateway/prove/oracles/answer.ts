import type { AttemptTrace, RequestTrace } from '../history.ts';

// What oracles have to know of the transports: over HTTP an answer names its account and is a run of bytes; over a socket none is named, and
// an answer is a run of frames.

/** Whether what a client got may be the answer of this attempt. */
export function mayBeFrom({ account, status }: RequestTrace, attempt: AttemptTrace): boolean {
  return (account === null || attempt.accountName === account) && attempt.status === status;
}

/** Whether a client got nothing but what this attempt gave, from its beginning on and in its order. */
export function isFrontOf({ asked, received }: RequestTrace, { sent }: AttemptTrace): boolean {
  if (asked === 'turn') return received.every((frame, i) => sent[i]?.equals(frame) === true);
  const given = Buffer.concat(received);
  return Buffer.concat(sent).subarray(0, given.length).equals(given);
}
