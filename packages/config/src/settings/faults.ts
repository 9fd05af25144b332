import { LONGEST_TIMER_MS, row } from '../setting.ts';
import { boolean, integer } from '../setting-type.ts';

/** Failures on purpose (product section 8). */
export const FAULT_SETTINGS = {
  'faults.enabled': row({
    type: boolean,
    default: false,
    apply: 'restart',
    help: 'For tests only: make the failures that the other settings of this section ask for. Said as a warning at the start.',
  }),
  'faults.upstream_connect_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many connections to upstreams fail, the first ones; HTTP and WebSocket alike.',
  }),
  'faults.stream_read_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many answers over HTTP break off behind their first bytes, the first ones.',
  }),
  'faults.state_save_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many writes of the request log and the bindings fail, the first ones; each is tried again.',
  }),
  'faults.migration_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many migrations of the database fail when they are nearly done; nothing of them is kept.',
  }),
  'faults.refresh_errors': row({
    type: integer({ min: 0, max: 1_000_000 }),
    default: 0,
    apply: 'restart',
    help: 'So many renewals of ChatGPT logins fail, the first ones, without asking their issuer.',
  }),
  'faults.clock_offset_ms': row({
    type: integer({ min: -LONGEST_TIMER_MS * 10, max: LONGEST_TIMER_MS * 10 }),
    default: 0,
    unit: 'ms',
    apply: 'restart',
    help: 'How far the wall clock is off. Time-outs and waits go by another clock, which is not.',
  }),
};
