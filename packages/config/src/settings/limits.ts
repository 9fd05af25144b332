import { LONGEST_TIMER_MS, row } from '../setting.ts';
import { bytes, duration, integer } from '../setting-type.ts';

const MIB = 2 ** 20;

/** What clients may ask of the server at most, and for how long. */
export const LIMIT_SETTINGS = {
  'limits.body_bytes': row({
    type: bytes({ min: 1_024, max: 2 ** 30 }),
    default: 64 * MIB,
    unit: 'bytes',
    aliases: [{ env: 'MAX_BODY_SIZE' }],
    apply: 'restart',
    help: 'Largest request body.',
  }),
  'limits.body_memory_bytes': row({
    type: bytes({ min: MIB, max: 2 ** 36 }),
    default: 512 * MIB,
    unit: 'bytes',
    apply: 'restart',
    help: 'Memory that all request bodies together may hold; beyond it requests are refused with 503.',
  }),
  'limits.active_requests': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    defaultMeans: 'the smaller of 12000 and half of the free file descriptors',
    apply: 'restart',
    help: 'Requests in work at once; beyond it they are refused with 503 and `Retry-After`.',
  }),
  'limits.requests_per_key': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    defaultMeans: 'half of `limits.active_requests`, and no limit while there is only one key',
    apply: 'restart',
    help: 'Requests that one key may have in work at once; beyond it they are refused with 429 and `Retry-After`, and other keys are not.',
  }),
  'limits.connections_per_address': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    defaultMeans: 'no limit',
    apply: 'restart',
    help: 'Open connections from one client address.',
  }),
  'limits.header_timeout_ms': row({
    type: duration({ unit: 'ms', min: 100, max: LONGEST_TIMER_MS }),
    default: 10_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A client must have sent its request head by then, counted from the connection or the first byte.',
  }),
  'limits.body_timeout_ms': row({
    type: duration({ unit: 'ms', min: 100, max: LONGEST_TIMER_MS }),
    default: 120_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A client must have sent its whole body by then, counted from the end of the head.',
  }),
  'limits.idle_connection_ms': row({
    type: duration({ unit: 'ms', min: 100, max: LONGEST_TIMER_MS }),
    default: 10_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A kept-alive connection without a request is closed after this. Set it above the idle time of a proxy in front.',
  }),
  'limits.stalled_client_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: LONGEST_TIMER_MS }),
    default: 60_000,
    unit: 'ms',
    apply: 'restart',
    help: 'A client that takes nothing of a waiting answer for this long is cut.',
  }),
};
