/**
 * How a request ended. A closed list: it labels metrics and is what the request log says.
 * `open` is the row of a request still running; `server_lost` is one whose server died before it ended.
 */
export const OUTCOMES = [
  'open',
  'completed',
  'upstream_error',
  'upstream_cut',
  'client_left',
  'client_stalled',
  'refused',
  'shut_down',
  'server_lost',
] as const;
export type Outcome = (typeof OUTCOMES)[number];
