import { expect, test } from 'vitest';
import { SwitchyardError, errorEnvelope, retryAfterSeconds } from './faults.ts';

test('a fault is rendered as its row says, with the field at fault and the request', () => {
  const error = new SwitchyardError('model_not_found', 'No such model.', { param: 'model' });
  expect(errorEnvelope(error, 'req_1')).toEqual({
    error: { message: 'No such model.', type: 'invalid_request_error', param: 'model', code: 'model_not_found', retryable: false, request_id: 'req_1' },
  });
  expect(retryAfterSeconds(error)).toBeNull();
});

test('a wait is told in whole seconds, never less than one', () => {
  expect(retryAfterSeconds(new SwitchyardError('server_is_overloaded', 'Full.'))).toBe(3);
  expect(retryAfterSeconds(new SwitchyardError('server_is_overloaded', 'Full.', { retryAfterMs: 10 }))).toBe(1);
  expect(retryAfterSeconds(new SwitchyardError('server_is_overloaded', 'Full.', { retryAfterMs: 1_001 }))).toBe(2);
});

test('an exhausted owner is told in the words that codex stops at, with the moment at which it is back', () => {
  const error = new SwitchyardError('owner_exhausted', 'Used up.', { retryAfterMs: 90_000, resetsAtS: 1_893_456_000 });
  expect(error.fault.status).toBe(429);
  expect(retryAfterSeconds(error)).toBe(90);
  expect(errorEnvelope(error, 'req_1').error).toEqual({
    message: 'Used up.',
    type: 'usage_limit_reached',
    param: null,
    code: 'owner_unavailable',
    retryable: true,
    request_id: 'req_1',
    resets_at: 1_893_456_000,
  });
});

test('a fault takes no stack of its own, and leaves those of others and of its cause alone', () => {
  const cause = new Error('why');
  const error = new SwitchyardError('internal_error', 'Failed.', { cause });
  expect(error.stack).not.toContain('    at ');
  expect((error.cause as Error).stack).toContain('    at ');
  expect(new Error('later').stack).toContain('    at ');
});
