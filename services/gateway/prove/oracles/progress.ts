import type { History, Violation } from '../history.ts';

/** What can go on does: a request comes to its end, and what commits an answer reaches the client. */
export function progress({ stuck }: History): Violation[] {
  return stuck.map((what) => ({ oracle: 'progress', what }));
}
