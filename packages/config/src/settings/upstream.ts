import { LONGEST_TIMER_MS, row } from '../setting.ts';
import { duration } from '../setting-type.ts';

/** Waits for upstreams (product section 2). */
export const UPSTREAM_SETTINGS = {
  'upstream.connect_timeout_ms': row({
    type: duration({ unit: 'ms', min: 100, max: LONGEST_TIMER_MS }),
    default: 5_000,
    unit: 'ms',
    apply: 'restart',
    help: 'Longest wait for a connection to an upstream.',
  }),
  'upstream.request_timeout_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: LONGEST_TIMER_MS }),
    default: 600_000,
    unit: 'ms',
    aliases: [{ env: 'PROXY_TIMEOUT_MS' }],
    apply: 'restart',
    help: 'Longest wait for the head of an upstream answer.',
  }),
  'upstream.compact_timeout_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: LONGEST_TIMER_MS }),
    default: 90_000,
    unit: 'ms',
    apply: 'restart',
    help: 'The same for `/v1/responses/compact`, which has the client stand still.',
  }),
  'upstream.idle_timeout_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: LONGEST_TIMER_MS }),
    default: 300_000,
    unit: 'ms',
    aliases: [{ env: 'PROXY_STREAM_IDLE_TIMEOUT_MS' }],
    apply: 'restart',
    help: 'Longest silence inside an upstream answer.',
  }),
};
