import type { History, Violation } from '../history.ts';

/** Where nothing runs, nothing is held: no place, no account, no memory, no retry. */
export function leases({ gauges }: History): Violation[] {
  return Object.entries(gauges)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => ({ oracle: 'leases', what: `${name} is ${value} while nothing runs` }));
}
