import { LONGEST_TIMER_MS, row } from '../setting.ts';
import { boolean, bytes, duration, integer } from '../setting-type.ts';

const MIB = 2 ** 20;

/** What keeps a conversation together: bindings and WebSockets. */
export const CONVERSATION_SETTINGS = {
  'affinity.max_responses': row({
    type: integer({ min: 1, max: 1_000_000 }),
    default: 16_384,
    apply: 'restart',
    help: 'Responses whose account is known; the one that was used longest ago is forgotten first.',
  }),
  'affinity.max_turn_states': row({
    type: integer({ min: 1, max: 1_000_000 }),
    default: 2_048,
    apply: 'restart',
    help: 'Turns (`x-codex-turn-state`) whose account is known.',
  }),
  'affinity.max_sessions': row({
    type: integer({ min: 1, max: 1_000_000 }),
    default: 2_048,
    apply: 'restart',
    help: 'Sessions and threads whose account is known.',
  }),

  'websocket.enabled': row({
    type: boolean,
    default: true,
    apply: 'restart',
    help: 'Serve `GET /v1/responses` as a WebSocket. Off, clients such as codex are sent to HTTP.',
  }),
  'websocket.connect_timeout_ms': row({
    type: duration({ unit: 'ms', min: 100, max: LONGEST_TIMER_MS }),
    default: 15_000,
    unit: 'ms',
    apply: 'restart',
    help: 'Longest wait for an upstream to answer the upgrade to a WebSocket, connecting included.',
  }),
  'websocket.frame_bytes': row({
    type: bytes({ min: 1_024, max: 2 ** 30 }),
    default: 64 * MIB,
    unit: 'bytes',
    apply: 'restart',
    help: 'Largest frame on a WebSocket, from clients and from upstreams; a larger one closes it with 1009.',
  }),
  'websocket.ping_ms': row({
    type: duration({ unit: 'ms', min: 100, max: LONGEST_TIMER_MS }),
    default: 20_000,
    unit: 'ms',
    apply: 'restart',
    help: 'Pings on WebSockets, to both sides; a side that has not answered after a quarter more is cut.',
  }),
  'websocket.retire_ms': row({
    type: duration({ unit: 'ms', min: 1_000, max: LONGEST_TIMER_MS }),
    default: 3_300_000,
    unit: 'ms',
    apply: 'restart',
    help: 'Age at which a WebSocket is closed between two turns. Upstreams close theirs at 60 minutes, wherever a turn is.',
  }),
};
