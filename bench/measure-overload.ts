import { wait } from './load/request-load.ts';
import { watch } from './measure-load.ts';
import type { Bench } from './measure-load.ts';
import type { Reading } from './readings.ts';
import type { Place } from './subjects/subject.ts';
import { switchyardNarrow } from './subjects/switchyard.ts';

/** Requests of one lane that may run at once, of which the limit of the server is twice as many. */
const PLACES = 32;
const ANSWER_MS = 50;
/** The lag of the loop is told for the time since it was asked last, so it is asked often. */
const LAG_EVERY_MS = 1_000;

/**
 * Twice as many requests as there is room for, coming at their own pace, after as many as there is room for: what still gets its answer, and
 * whether the server stays able to do anything else.
 */
export async function measureOverload(bench: Bench, place: Place): Promise<Reading[]> {
  const { plan } = bench;
  const running = await switchyardNarrow(PLACES * 2).start(place);
  try {
    const watched = watch(bench, running.pid);
    bench.progress('overload: the peak before it');
    const peak = await bench.load.run({
      kind: 'requests',
      target: running.chat,
      method: 'POST',
      answerMs: ANSWER_MS,
      connections: PLACES,
      expectStatus: 200,
      settleMs: plan.warmMs,
      windowMs: plan.overloadMs / 4,
      watched,
    });
    const peakRate = peak.requests / peak.window.seconds;
    bench.progress(`overload: ${Math.round(peakRate * 2)} requests a second`);
    let over = false;
    const arrivals = bench.load
      .run({ kind: 'arrivals', target: running.chat, perSecond: peakRate * 2, answerMs: ANSWER_MS, settleMs: 3_000, windowMs: plan.overloadMs })
      .finally(() => (over = true));
    const [overload, loopLagP99Ms] = await Promise.all([arrivals, worstLagMs(running.chat.port, () => over)]);
    return [{ round: 1, measure: 'overload', subject: 'switchyard', result: { peak, overload, loopLagP99Ms } }];
  } finally {
    await running.end();
  }
}

async function worstLagMs(port: number, isOver: () => boolean): Promise<number> {
  let worst = 0;
  while (!isOver()) {
    await wait(LAG_EVERY_MS);
    worst = Math.max(worst, await loopLagMs(port));
  }
  return worst;
}

/** What the server says of its own event loop. */
async function loopLagMs(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const found = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text);
  if (found === null) throw new Error('The server tells no lag of its event loop.');
  return Number(found[1]) * 1_000;
}
