import { UPSTREAM_FAILURES } from '@switchyard/contracts';
import { defineMetrics } from '@switchyard/observability';
import type { MetricDef, Metrics } from '@switchyard/observability';
import { SHED_REASONS } from './admission/gate.ts';
import { PRESSURE_SIGNS } from './admission/pressure.ts';
import { WAIT_ENDS } from './admission/waiting-room.ts';
import { LOOK_AHEAD_ENDS } from './attempt/look-ahead.ts';
import { RENEWAL_RESULTS } from './accounts/credential-keeper.ts';
import { KINDS } from './bindings/kinds.ts';
import { BACKOFF_REASONS } from './choice/back-offs.ts';
import { STANDINGS } from './choice/standing.ts';
import { LANES, SURFACES } from './routes.ts';
import { SOCKET_ENDS } from './socket-ends.ts';
import { OUTCOMES } from './settle/outcome.ts';

const surfaces = [...SURFACES.map((surface) => surface.name), 'none'];
const lanes = [...LANES];
const outcomes = [...OUTCOMES];

/** Every metric of the gateway. Names, help and labels are declared here and nowhere else. */
export const GATEWAY_METRICS = {
  switchyard_requests_total: {
    type: 'counter',
    help: 'Requests to the data plane that have ended, by surface and outcome.',
    labels: { surface: surfaces, outcome: outcomes },
  },
  switchyard_request_duration_seconds: {
    type: 'histogram',
    help: 'From the first byte of a request to the last of its answer.',
    labels: { surface: surfaces },
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
  },
  switchyard_first_byte_seconds: {
    type: 'histogram',
    help: 'From the first byte of a request to the first of its answer; streams only.',
    labels: { surface: surfaces },
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
  },
  switchyard_requests_in_flight: { type: 'gauge', help: 'Requests that have been admitted and are in progress, by lane.', labels: { lane: lanes } },
  switchyard_requests_active: { type: 'gauge', help: 'Requests in progress, with those whose body is being read and those that wait to be admitted.' },
  switchyard_requests_waiting: { type: 'gauge', help: 'Requests that wait for a place of their lane.', labels: { lane: lanes } },
  switchyard_account_waiting: { type: 'gauge', help: 'Requests that wait for a place at an account, all that could serve them being full.' },
  switchyard_admission_waits_total: {
    type: 'counter',
    help: 'Waits for a place, of a lane or at an account, that have ended, by how. Requests that found one at once are not among them.',
    labels: { lane: lanes, result: [...WAIT_ENDS] },
  },
  switchyard_requests_shed_total: {
    type: 'counter',
    help: 'Requests turned away for want of room: no active place (`active_full`), none left of its key (`key_full`), giving way under pressure or to others (`pressure`, `gave_way`), nowhere to wait (`queue_full`), or waited in vain for its lane (`timed_out`) or for an account (`account_full`).',
    labels: { lane: lanes, why: [...SHED_REASONS] },
  },
  switchyard_pressure: {
    type: 'gauge',
    help: 'How many ranks of the shedding order are turned away at once, by what presses: recent refusals, a long queue, a slow event loop, or a database that is behind. 0 is no pressure.',
    labels: { sign: [...PRESSURE_SIGNS] },
  },
  switchyard_leases_reclaimed_total: {
    type: 'counter',
    help: 'Requests whose places had to be taken back though their connection was gone. Anything but 0 is a fault of Switchyard.',
  },
  switchyard_upstream_in_flight: { type: 'gauge', help: 'Attempts in progress at upstreams.' },
  switchyard_upstream_attempts_total: {
    type: 'counter',
    help: 'Attempts at upstreams that got an answer, by class of its status.',
    labels: { class: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
  },
  switchyard_upstream_failures_total: {
    type: 'counter',
    help: 'Attempts at upstreams that got no answer or half of one, by reason.',
    labels: { reason: [...UPSTREAM_FAILURES] },
  },
  switchyard_retries_in_progress: { type: 'gauge', help: 'Attempts beyond the first of a request that are in progress.' },
  switchyard_retries_refused_total: {
    type: 'counter',
    help: 'Times that a request was not retried because too many others were: the upstreams are failing for nearly everybody.',
  },
  switchyard_look_aheads_total: {
    type: 'counter',
    help: 'Streams by how the look at their opening ended: `event`, `time` and `size` commit, `failed` and `broken_off` are judged.',
    labels: { ended: [...LOOK_AHEAD_ENDS] },
  },
  switchyard_backoffs_total: { type: 'counter', help: 'Times that an account was put aside for a while, by reason.', labels: { reason: [...BACKOFF_REASONS] } },
  switchyard_account_standing: {
    type: 'gauge',
    help: 'Accounts by how they stand for a lane: ready, or why they come later or are not chosen.',
    labels: { lane: lanes, standing: [...STANDINGS] },
  },
  switchyard_login_renewals_total: {
    type: 'counter',
    help: 'Tries to get better tokens for a ChatGPT login: `adopted` are those of another process or of its Codex home, `refused` needs a new login.',
    labels: { result: [...RENEWAL_RESULTS] },
  },
  switchyard_request_body_bytes: { type: 'gauge', help: 'Bytes of request bodies held in memory.' },
  switchyard_bindings: { type: 'gauge', help: 'Ids bound to their account, in memory, by what they are ids of.', labels: { kind: [...KINDS] } },
  switchyard_binding_conflicts: { type: 'gauge', help: 'Ids that two accounts claim. Who continues one of them is refused.' },
  switchyard_binding_waits_total: {
    type: 'counter',
    help: 'Answers whose last part waited for its binding, by how the wait ended.',
    labels: { result: ['durable', 'late', 'suspended'] },
  },
  switchyard_binding_disputes_total: { type: 'counter', help: 'Ids that an account told and that were bound to another, which kept them.' },
  switchyard_affinity_disagreements_total: {
    type: 'counter',
    help: 'Requests whose ids lead to different accounts, by the kind of id that decided.',
    labels: { kind: [...KINDS] },
  },
  switchyard_negative_cache_hits_total: {
    type: 'counter',
    help: 'Requests that go on from a response which its account said a moment ago it does not know: it is asked once, not twice.',
  },
  switchyard_sockets: { type: 'gauge', help: 'WebSockets of clients that are open.' },
  switchyard_sockets_closed_total: {
    type: 'counter',
    help: 'WebSockets of clients that have ended, by what ended them.',
    labels: { why: [...SOCKET_ENDS] },
  },
  switchyard_socket_late_frames_total: {
    type: 'counter',
    help: 'Frames that came on an upstream socket after its turn had moved to another, and were dropped.',
  },
  switchyard_socket_other_frames_total: { type: 'counter', help: 'Frames of clients that ask for no turn, such as an interruption.' },
  switchyard_socket_dropped_frames_total: {
    type: 'counter',
    help: 'Frames of clients beside a running turn that could not go to an upstream, and were dropped.',
  },
  switchyard_journal_dropped_total: { type: 'counter', help: 'Rows of the request log that were given up because the database was away too long.' },
  switchyard_accounts: { type: 'gauge', help: 'Enabled accounts.' },
  switchyard_keys: { type: 'gauge', help: 'Live keys.' },
  switchyard_database_up: { type: 'gauge', help: '1 while the database answers, else 0.' },
} as const satisfies Readonly<Record<string, MetricDef>>;

export type GatewayMetrics = ReturnType<typeof openGatewayMetrics>;

export function openGatewayMetrics(metrics: Metrics) {
  return defineMetrics(metrics, GATEWAY_METRICS);
}

/**
 * Counts in plain numbers and tells the counter only when metrics are read: 2 ns an event instead of 400. A series appears with its
 * first event.
 */
export function tallies<L extends Readonly<Record<string, string>>>(
  counter: { follow(labels: L, read: () => number): void },
  labelsOf: (key: string) => L,
): (key: string) => void {
  const counts = new Map<string, { n: number }>();
  return (key) => {
    const known = counts.get(key);
    if (known !== undefined) {
      known.n++;
      return;
    }
    const count = { n: 1 };
    counts.set(key, count);
    counter.follow(labelsOf(key), () => count.n);
  };
}
