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
    ...(asked === 'responses' ? { stream: isStream, ...(isStored ? {} : { store: false }) } : {}),
    ...(claims.previousResponse === null ? {} : { previous_response_id: claims.previousResponse }),
  };
}
