/** What a failure that is made says of itself. */
export const ON_PURPOSE = 'a fault that was made on purpose (faults.enabled)';

/** Places at which a failure can be made on purpose. */
type FaultPoint = 'upstream_connect' | 'upstream_read' | 'state_save' | 'migration' | 'refresh';

/**
 * Failures that tests of an operator's own make: so many at each place, and then none any more. A process in which they are switched off has
 * no such budget, and nothing in it is wrapped.
 * @see product section 8
 */
export class FaultBudget {
  readonly #left: Record<FaultPoint, number>;

  constructor(budget: Readonly<Record<FaultPoint, number>>) {
    this.#left = { ...budget };
  }

  /** @returns whether it is to fail here and now; each is handed out once */
  take(point: FaultPoint): boolean {
    if (this.#left[point] <= 0) return false;
    this.#left[point]--;
    return true;
  }
}
