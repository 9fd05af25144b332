import type { LiveFigures } from '../choice/live-figures.ts';
import type { Ground } from '../ground.ts';
import { tallies } from '../metrics.ts';
import { LANES } from '../routes.ts';
import type { Lane } from '../routes.ts';
import { AccountPlaces } from './account-places.ts';
import { Gate } from './gate.ts';
import { laneLimits, usualQueue } from './lanes.ts';
import { PRESSURE_SIGNS, Pressure } from './pressure.ts';
import { WaitingRoom } from './waiting-room.ts';

interface AdmissionParts extends Pick<Ground, 'config' | 'metrics' | 'timing' | 'maxActive' | 'nowMs'> {
  readonly live: LiveFigures;
}

/** Who may come in, and what it goes by. */
export interface Admission {
  readonly pressure: Pressure;
  readonly gate: Gate;
  readonly places: AccountPlaces;
  /** Requests in progress at most, by lane. */
  readonly lanePlaces: Readonly<Record<Lane, number>>;
}

export function openAdmission({ config, metrics, timing, maxActive, nowMs, live }: AdmissionParts): Admission {
  const pressure = new Pressure(nowMs);
  const countWait = laneTallies((lane) => tallies(metrics.switchyard_admission_waits_total, (result) => ({ lane, result })));
  const countShed = laneTallies((lane) => tallies(metrics.switchyard_requests_shed_total, (why) => ({ lane, why })));
  const room = new WaitingRoom({
    max: config['admission.queue'] || usualQueue(maxActive),
    waitMs: config['admission.wait_ms'],
    pressedWaitMs: Math.min(config['admission.wait_ms'], config['admission.pressed_wait_ms']),
    pressure,
    nowMs,
    after: timing.after,
    onEnd: ({ match }, end) => countWait[match.surface.lane](end),
  });
  const lanePlaces = laneLimits(maxActive, {
    responses: config['admission.responses_percent'],
    compact: config['admission.compact_percent'],
    websocket: config['admission.websocket_percent'],
    standard: config['admission.standard_percent'],
  });
  const gate = new Gate({ maxActive, laneLimits: lanePlaces, room, pressure, onShed: (lane, why) => countShed[lane](why) });
  const places = new AccountPlaces({ live, room, gate, onShed: ({ match }, why) => countShed[match.surface.lane](why) });

  for (const lane of LANES) {
    metrics.switchyard_requests_in_flight.follow({ lane }, () => gate.inLane(lane));
    metrics.switchyard_requests_waiting.follow({ lane }, () => gate.waitingFor(lane));
  }
  metrics.switchyard_account_waiting.follow(() => places.waiting);
  metrics.switchyard_requests_active.follow(() => gate.active);
  for (const sign of PRESSURE_SIGNS) metrics.switchyard_pressure.follow({ sign }, () => pressure.of(sign));
  return { pressure, gate, places, lanePlaces };
}

function laneTallies<T>(open: (lane: Lane) => T): Readonly<Record<Lane, T>> {
  return { responses: open('responses'), compact: open('compact'), websocket: open('websocket'), standard: open('standard') };
}
