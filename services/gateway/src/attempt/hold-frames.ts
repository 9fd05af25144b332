import { frameType } from '../relay/frame-facts.ts';
import type { Frame } from '../relay/relay-frames.ts';
import { FAILING_EVENTS, HELD_EVENTS, LOOK_AHEAD_BYTES, LOOK_AHEAD_MS } from './hold-list.ts';
import type { FrameSink } from './socket-upstream.ts';

/** Longest wait for the first frame of a turn. */
const PROGRESS_MS = 8_000;

/** How the opening of a turn ended. */
export type Opening =
  | { readonly is: 'committed' }
  /** The last of the frames says so. */
  | { readonly is: 'failing'; readonly type: string; readonly frame: Buffer }
  | { readonly is: 'closed'; readonly code: number }
  | { readonly is: 'silent' };

/** Holds the first frames of a turn until one of them commits it, or it comes to nothing. */
export class HoldFrames implements FrameSink {
  /** In the order in which they came; it grows until another sink takes over. */
  readonly frames: Frame[] = [];
  readonly opening: Promise<Opening>;
  /** Monotonic milliseconds at which the first of them came; null before. */
  firstMs: number | null = null;
  #sentMs: number;
  #resolve!: (opening: Opening) => void;
  #bytes = 0;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#sentMs = nowMs();
    this.opening = new Promise((resolve) => (this.#resolve = resolve));
  }

  frame(data: Buffer, isBinary: boolean): void {
    this.frames.push({ data, isBinary });
    this.firstMs ??= this.#nowMs();
    this.#bytes += data.length;
    const type = isBinary ? '' : frameType(data);
    if (FAILING_EVENTS.has(type)) this.#resolve({ is: 'failing', type, frame: data });
    else if (!HELD_EVENTS.has(type) || this.#bytes > LOOK_AHEAD_BYTES) this.#resolve({ is: 'committed' });
  }

  closed(code: number): void {
    this.#resolve({ is: 'closed', code });
  }

  /**
   * Looks at the clock; called now and then.
   * @param isTaking  The upstream is still taking what was sent, the turn itself perhaps: meanwhile it is not silent.
   */
  tick(nowMs: number, isTaking = false): void {
    if (isTaking) this.#sentMs = nowMs;
    if (this.firstMs === null ? nowMs - this.#sentMs <= PROGRESS_MS : nowMs - this.firstMs <= LOOK_AHEAD_MS) return;
    this.#resolve(this.firstMs === null ? { is: 'silent' } : { is: 'committed' });
  }
}
