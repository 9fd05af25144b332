import { newId } from '@switchyard/contracts';
import type { GatewayParts, Timing } from './gateway.ts';
import { openGatewayMetrics } from './metrics.ts';
import type { GatewayMetrics } from './metrics.ts';

/** What every room may be built on; each opener names what it takes of it. */
export interface Ground extends Omit<GatewayParts, 'metrics' | 'timing'> {
  readonly metrics: GatewayMetrics;
  readonly timing: Timing;
  /** Of this process, among those on the database. */
  readonly instanceId: string;
}

/** The waits of a server (product section 4). */
export const TIMING: Timing = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  bindingWaitMs: 50,
  lookAroundMs: 5_000,
  upkeepMs: 1_000,
};

export function groundOf(parts: GatewayParts): Ground {
  return {
    ...parts,
    metrics: openGatewayMetrics(parts.metrics),
    timing: parts.timing ?? TIMING,
    instanceId: newId('instance', parts.wallClockMs()),
  };
}
