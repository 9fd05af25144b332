/**
 * What a streamed request asks of the mock. It travels in the request's `user` field, which every gateway hands on,
 * so that the mock keeps no state between requests.
 */
export interface StreamScript {
  readonly events: number;
  readonly eventBytes: number;
  /**
   * - `flat`: each event in a write of its own, as fast as the peer takes them.
   * - `paced`: one event every `paceMs`, stamped with the moment of its sending.
   * - `credit`: the first event at once, each further one when the load generator says that it got the one before.
   */
  readonly mode: 'flat' | 'paced' | 'credit';
  /** Zero where the mode does not pace. */
  readonly paceMs: number;
  /** Names the stream on the credit connection, and spreads paced streams over their period. */
  readonly id: number;
}

const MARK = 'bench-stream';
const PATTERN = /bench-stream (flat|paced|credit) (\d+) (\d+) (\d+) (\d+)/;

/** The `user` field of a request that asks for this stream. */
export function writeScript(script: StreamScript): string {
  return `${MARK} ${script.mode} ${script.events} ${script.eventBytes} ${script.paceMs} ${script.id}`;
}

/** Begins the `user` field of a request that is answered late. */
export const WAIT_MARK = 'bench-wait';
const WAIT_PATTERN = /bench-wait (\d+)/;

/** The `user` field of a request that asks for a unary answer after so many milliseconds. */
export function writeWait(ms: number): string {
  return `${WAIT_MARK} ${ms}`;
}

/** How long a unary answer is to wait. */
export function readWait(bodyStart: string): number {
  return bodyStart.includes(WAIT_MARK) ? Number(WAIT_PATTERN.exec(bodyStart)?.[1] ?? 0) : 0;
}

/** The script in the beginning of a request's body, or undefined when a unary answer is wanted. */
export function readScript(bodyStart: string): StreamScript | undefined {
  if (!bodyStart.includes(MARK)) return undefined;
  const found = PATTERN.exec(bodyStart);
  if (found === null) throw new Error(`The mock cannot read the script in ${JSON.stringify(bodyStart)}`);
  const [, mode, events, eventBytes, paceMs, id] = found;
  return {
    mode: mode as StreamScript['mode'],
    events: Number(events),
    eventBytes: Number(eventBytes),
    paceMs: Number(paceMs),
    id: Number(id),
  };
}
