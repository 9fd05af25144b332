import type { Asked, Claims } from './history.ts';

/** The body of a request that names these ids. */
export function bodyOf(asked: Asked, claims: Claims, isStream: boolean, isStored: boolean): object {
  if (asked === 'chat') return { model: 'm', stream: isStream, messages: [{ role: 'user', content: 'hello' }] };
  const input = [
    { type: 'message', role: 'user', content: 'hello' },
    ...(claims.encrypted === null ? [] : [{ type: claims.isFollowUp ? 'compaction' : 'reasoning', encrypted_content: claims.encrypted }]),
    ...claims.calls.map((call) => ({ type: 'function_call_output', call_id: call, output: 'done' })),
  ];
  return {
    model: 'm',
    input,
    ...(asked === 'compact' ? {} : { stream: isStream, ...(isStored ? {} : { store: false }) }),
    ...(claims.previousResponse === null ? {} : { previous_response_id: claims.previousResponse }),
  };
}

/** A turn as its client asks for it. */
export interface Frame {
  /** Of the request. */
  readonly no: number;
  readonly claims: Claims;
  readonly isStored: boolean;
  /** It asks for nothing yet. */
  readonly isWarmUp: boolean;
  /** How many turns its socket has had before. */
  readonly nth: number;
}

/** Of the first frame on a socket. Each further one has a byte more, which is how the request log tells those of one socket apart. */
export const FIRST_FRAME_BYTES = 2_048;

/** The frame that asks for a turn. What a request says by its head it says in its metadata. */
export function frameOf({ no, claims, isStored, isWarmUp, nth }: Frame): string {
  const { session, turnState } = claims;
  const metadata = { ...(session === null ? {} : { thread_id: session }), ...(turnState === null ? {} : { 'x-codex-turn-state': turnState }) };
  const filled = (fill: string): string =>
    JSON.stringify({
      type: 'response.create',
      ...bodyOf('turn', claims, true, isStored),
      ...(isWarmUp ? { generate: false } : {}),
      client_metadata: metadata,
      metadata: { proof: String(no), fill },
    });
  return filled('.'.repeat(FIRST_FRAME_BYTES + nth - filled('').length));
}
