/** How far a request may go before commit: attempts, and time spent in those that reached somebody. */
export interface Budget {
  readonly attempts: number;
  readonly ms: number;
}

/** Of a new conversation, of one that goes on, and of either while the server is pressed (product section 2). */
export const BUDGETS = {
  fresh: { attempts: 12, ms: 3_000 },
  continuation: { attempts: 24, ms: 12_000 },
  pressed: { attempts: 6, ms: 800 },
} as const satisfies Readonly<Record<string, Budget>>;

/**
 * Whether another attempt may start. One that runs is never cut short by its budget: the time-outs of the upstream bound it.
 * @param spentMs  Time in attempts that reached somebody; waits between them, and attempts that reached nobody, are no one's work done twice.
 */
export function mayStart(budget: Budget, attempts: number, spentMs: number): boolean {
  return attempts < budget.attempts && spentMs <= budget.ms;
}
