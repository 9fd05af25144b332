import type { BodiesReading, Reading } from '../readings.ts';

/** A reading under which something went wrong: its figures are not worth much. */
export interface Fault {
  readonly round: number;
  readonly measure: string;
  readonly subject: string;
  readonly what: string;
}

/** Looks through the readings for answers that failed, were lost, came out of order or were not the mock's bytes. */
export function findFaults(readings: readonly Reading[]): Fault[] {
  return readings.flatMap((reading) => complaints(reading).map((what) => ({ round: reading.round, measure: reading.measure, subject: reading.subject, what })));
}

function complaints(reading: Reading): string[] {
  switch (reading.measure) {
    case 'unary':
    case 'rejected':
    case 'healthz':
    case 'grown':
    case 'bodies': {
      const { requests, wrongStatus, lostConnections, sampled, identical } = reading.result;
      return [
        ...(requests === 0 ? ['nothing was answered'] : []),
        ...counted(wrongStatus, 'answers with the wrong status'),
        ...counted(lostConnections, 'lost connections'),
        ...counted(sampled - identical, `of ${sampled} sampled bodies differ from the upstream's`),
        ...(reading.measure === 'bodies' ? uploads(reading.result) : []),
      ];
    }
    case 'events':
    case 'flood': {
      const { events, outOfOrder, wrongStatus, lostConnections, sampled, identical } = reading.result;
      return [
        ...(events === 0 ? ['no event arrived'] : []),
        ...counted(wrongStatus, 'answers with the wrong status'),
        ...counted(outOfOrder, 'events lost, repeated or out of order'),
        ...counted(lostConnections, 'lost connections'),
        ...counted(sampled - identical, `of ${sampled} sampled events differ from the upstream's`),
      ];
    }
    case 'frames': {
      const { frames, outOfOrder, lostConnections, sampled, identical } = reading.result;
      return [
        ...(frames === 0 ? ['no frame arrived'] : []),
        ...counted(outOfOrder, 'frames lost, repeated or out of order'),
        ...counted(lostConnections, 'lost sockets'),
        ...counted(sampled - identical, `of ${sampled} sampled frames differ from the upstream's`),
      ];
    }
    case 'paced':
    case 'open-streams': {
      const { failed, firstFailure, outOfOrder } = reading.result;
      return [...counted(failed, `streams failed (${firstFailure ?? 'no reason'})`), ...counted(outOfOrder, 'events lost, repeated or out of order')];
    }
    case 'first-byte':
      return counted(reading.result.failed, 'streams failed');
    case 'overload': {
      const { peak, overload } = reading.result;
      return [
        ...counted(peak.wrongStatus, 'answers with the wrong status before the overload'),
        ...counted(overload.otherStatus, 'answers that were neither 200 nor 503'),
        ...counted(peak.lostConnections + overload.lostConnections, 'lost connections'),
      ];
    }
    case 'start':
    case 'restart':
    case 'bindings':
    case 'choice':
      return [];
  }
}

function uploads({ uploadsSampled, uploadsIdentical }: BodiesReading): string[] {
  return counted(uploadsSampled - uploadsIdentical, `of ${uploadsSampled} sampled bodies reached the upstream changed`);
}

function counted(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}
