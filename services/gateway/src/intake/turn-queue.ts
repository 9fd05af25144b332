import { SwitchyardError } from '@switchyard/contracts';
import type { RequestHead } from '../edge/read-head.ts';
import type { Surface } from '../routes.ts';
import type { BodyMemory } from './read-body.ts';
import { CREATE, readFrame } from './read-frame.ts';
import type { FrameFacts } from './read-frame.ts';

export interface TurnQueueParts {
  readonly memory: BodyMemory;
  readonly surface: Surface;
  readonly head: RequestHead;
  /** Whether to look into the input of turns for what it continues. */
  readonly readsItems: () => boolean;
  readonly refusalOf: (error: unknown) => SwitchyardError;
  /** A turn has come. */
  readonly onTurn: () => void;
  /** A frame has come that asks for no turn. */
  readonly onOther: (frame: Buffer, type: string) => void;
  /** More come than could ever be answered, and there is no memory to keep them. */
  readonly onFlood: () => void;
}

/** A turn that a client has asked for, and what its frame says; its bytes are counted until somebody takes them over. */
export interface WaitingTurn {
  readonly data: Buffer;
  readonly read: FrameFacts | SwitchyardError;
}

const NOTHING = Buffer.alloc(0);
/** Turns that a client may ask for before the one in progress has ended. */
const MAX_WAITING = 16;

/** The frames of one client: read one after the other, in the order in which they came, and turns kept until it is their turn. */
export class TurnQueue {
  readonly #parts: TurnQueueParts;
  readonly #waiting: WaitingTurn[] = [];
  #reading: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: TurnQueueParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  take(data: Buffer): void {
    try {
      this.#parts.memory.take(data.length);
    } catch (error) {
      // Nothing of it is kept but its place: an answer before that would be taken for one to the turn that runs.
      const refused: WaitingTurn = { data: NOTHING, read: this.#parts.refusalOf(error) };
      this.#reading = this.#reading.then(() => this.#push(refused));
      return;
    }
    this.#reading = this.#reading.then(() => this.#read(data));
  }

  next(): WaitingTurn | undefined {
    return this.#waiting.shift();
  }

  /** Forgets what waits; what still comes is not read. */
  close(): void {
    this.#isClosed = true;
    for (const { data } of this.#waiting.splice(0)) this.#parts.memory.release(data.length);
  }

  async #read(data: Buffer): Promise<void> {
    const { memory, surface, head, readsItems, refusalOf, onOther } = this.#parts;
    let read: WaitingTurn['read'];
    try {
      read = await readFrame(data, surface, head, readsItems());
    } catch (error) {
      read = refusalOf(error);
    }
    if (this.#isClosed) return memory.release(data.length);
    if (!(read instanceof SwitchyardError) && read.type !== CREATE) {
      memory.release(data.length);
      return onOther(data, read.type);
    }
    const isFull = this.#waiting.length >= MAX_WAITING;
    this.#push({ data, read: isFull ? new SwitchyardError('server_is_overloaded', `More than ${MAX_WAITING} turns wait on this socket.`) : read });
  }

  #push(turn: WaitingTurn): void {
    if (this.#isClosed) return;
    // Those that hold memory are counted by it.
    if (turn.data === NOTHING && this.#waiting.length >= MAX_WAITING) return this.#parts.onFlood();
    this.#waiting.push(turn);
    this.#parts.onTurn();
  }
}
