import { row } from '../setting.ts';
import { duration, integer } from '../setting-type.ts';

/** Shares of the lanes, and waits for a place (product section 5). */
export const ADMISSION_SETTINGS = {
  'admission.responses_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 75,
    unit: '%',
    apply: 'restart',
    help: 'Share of `limits.active_requests` that responses, chat and completions may take.',
  }),
  'admission.compact_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 25,
    unit: '%',
    apply: 'restart',
    help: 'The same for `/v1/responses/compact`.',
  }),
  'admission.websocket_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 75,
    unit: '%',
    apply: 'restart',
    help: 'The same for turns on WebSockets.',
  }),
  'admission.standard_percent': row({
    type: integer({ min: 1, max: 100 }),
    default: 50,
    unit: '%',
    apply: 'restart',
    help: 'The same for everything else.',
  }),
  'admission.queue': row({
    type: integer({ min: 0, max: 100_000 }),
    default: 0,
    defaultMeans: 'a twelfth of `limits.active_requests`, from 128 to 1024',
    apply: 'restart',
    help: 'Requests that may wait for a place at once. When it is full, what was begun least gives way.',
  }),
  'admission.wait_ms': row({
    type: duration({ unit: 'ms', min: 0, max: 60_000 }),
    default: 750,
    unit: 'ms',
    apply: 'restart',
    help: 'Longest wait for a place, before the request is refused with 503 and `Retry-After`.',
  }),
  'admission.pressed_wait_ms': row({
    type: duration({ unit: 'ms', min: 0, max: 60_000 }),
    default: 200,
    unit: 'ms',
    apply: 'restart',
    help: 'The same under pressure: after refusals, with a long queue, or with a slow event loop.',
  }),
};
