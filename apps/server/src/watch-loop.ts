import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How often the delay is measured, by a timer that never enters JavaScript. */
const RESOLUTION_MS = 20;

/** Watches how late the event loop is until it is disposed. */
export function watchLoop(): Disposable & { readonly p99Ms: () => number } {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  return {
    p99Ms() {
      // What is measured is the time between two ticks of the timer, its own interval included. Without a tick there is no figure.
      const ms = delays.percentile(99) / 1e6 - RESOLUTION_MS;
      delays.reset();
      return ms > 0 ? ms : 0;
    },
    [Symbol.dispose]: () => void delays.disable(),
  };
}
