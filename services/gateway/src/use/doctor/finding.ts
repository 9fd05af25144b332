/** How bad it is: worth knowing; something works less well than it should; something does not work. */
export const SEVERITIES = ['info', 'warning', 'error'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One thing that the doctor has found, in words for the operator. */
export interface Finding {
  /** A stable name, for scripts. */
  readonly id: string;
  readonly severity: Severity;
  /** What is wrong, as one sentence. */
  readonly cause: string;
  /** What was seen that says so. */
  readonly evidence: readonly string[];
  /** What to do about it, as one or more sentences. */
  readonly next_action: string;
}

/** The findings about one home, the worst first. */
export interface Report {
  /** Whether nothing is worse than worth knowing. */
  readonly healthy: boolean;
  /** Whether a server answered, or its files were looked at. */
  readonly server: 'running' | 'stopped';
  readonly checked_at: string;
  readonly findings: readonly Finding[];
}
