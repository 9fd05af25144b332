import type { LoggedRequest, Report } from './operations.ts';

/** What the doctor looks at: a running server, or the files of a stopped one. Nothing is changed. */
export interface Inspection extends AsyncDisposable {
  readonly report: Report;
  /** The newest of the request log; null when it cannot be read. */
  newestRequests(limit: number): Promise<readonly LoggedRequest[] | null>;
  /** Null without a running server. */
  metrics(): Promise<string | null>;
}
