import type { History, Violation } from '../history.ts';
import { budget } from './budget.ts';
import { bytes } from './bytes.ts';
import { commit } from './commit.ts';
import { durable } from './durable.ts';
import { leases } from './leases.ts';
import { oneRow } from './one-row.ts';
import { owner } from './owner.ts';
import { progress } from './progress.ts';
import { refusals } from './refusals.ts';
import { riding } from './riding.ts';

/** Everything that must never be, whatever happened. */
const ORACLES: readonly ((history: History) => Violation[])[] = [commit, owner, riding, bytes, leases, durable, oneRow, budget, refusals, progress];

export function judge(history: History): Violation[] {
  return ORACLES.flatMap((oracle) => oracle(history));
}
