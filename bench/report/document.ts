import type { Row } from '../board.ts';
import type { Fault } from './faults.ts';
import type { Machine } from '../machine/describe-machine.ts';
import type { Plan } from '../plan.ts';
import type { Reading } from '../readings.ts';

/** The result file of one run: `bench/results/<date>-<commit>.json`. */
export interface ResultDocument {
  readonly format: 'switchyard-bench-1';
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  /** The commit that was measured; `changed` when the checkout held anything that was not committed. */
  readonly commit: string;
  readonly changed: boolean;
  readonly machine: Machine;
  /** Where everything ran. */
  readonly method: { readonly subjectCore: number | null; readonly driverCore: number | null; readonly keptAwake: boolean; readonly plan: Plan };
  /** What was measured, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** What was not, and why. */
  readonly skipped: Readonly<Record<string, string>>;
  readonly board: readonly Row[];
  readonly faults: readonly Fault[];
  /** Every reading of every round that counts. */
  readonly readings: readonly Reading[];
}
