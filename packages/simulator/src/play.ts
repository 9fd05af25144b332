import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from './clock.ts';
import type { Gates } from './gates.ts';
import type { Reply } from './reply.ts';

/** How an answer's bytes travel, whatever they are. Counts of units are counts of events, or 1 for a whole body. */
export interface Manner {
  /** Informational answers before the head. */
  readonly informational?: readonly { readonly status: number; readonly headers?: Readonly<Record<string, string>> }[];
  /** Wait before the head. */
  readonly delayMs?: number;
  /** Wait before each unit but the first. */
  readonly intervalMs?: number;
  /** Stop there until the gate is released, or until the client leaves when no gate is named. */
  readonly hold?: { readonly at: 'before_head' | 'after_head' | number; readonly gate?: string };
  /** Break the connection off there. */
  readonly cut?: { readonly at: 'before_head' | 'after_head' | { readonly bytes: number } | { readonly units: number }; readonly how?: 'close' | 'reset' };
  /** Each unit leaves in a write of its own, a turn of the event loop apart. */
  readonly apart?: boolean;
  /** The units are the whole answer, status line included, straight onto the socket, which is then closed. */
  readonly raw?: boolean;
}

export interface Stage {
  readonly clock: Clock;
  readonly gates: Gates;
  /** Called before a deliberate cut. */
  cutting(): void;
  /** Called after each unit has been handed over. */
  sent(): void;
  /** Called when a raw answer is whole; the response object cannot know. */
  finished(): void;
}

/**
 * Writes a reply in the given manner, with back-pressure. Resolves when everything was handed over, was cut, or the client
 * left; never rejects, and leaves no timer behind.
 */
export async function play(res: ServerResponse, reply: Reply, manner: Manner | undefined, stage: Stage): Promise<void> {
  const socket = res.socket;
  if (socket === null || res.destroyed) return;
  if (manner === undefined) return flatOut(res, reply, stage);
  const wait = waiting(res);
  if (manner.delayMs !== undefined) await wait((pass) => stage.clock.after(manner.delayMs ?? 0, pass));
  for (const { status, headers = {} } of manner.informational ?? []) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} Informational\r\n${lines.join('')}\r\n`);
  }
  const { cut } = manner;
  const holdAt = async (place: 'before_head' | 'after_head' | number): Promise<void> => {
    if (manner.hold?.at !== place) return;
    const { gate } = manner.hold;
    await wait((pass) => (gate === undefined ? () => {} : stage.gates.wait(gate, pass)));
  };
  const breakOff = async (): Promise<void> => {
    await flushed(socket, wait);
    if (res.destroyed) return;
    stage.cutting();
    if (cut?.how === 'reset') socket.resetAndDestroy();
    else socket.destroy();
  };

  await holdAt('before_head');
  if (cut?.at === 'before_head') return breakOff();
  const body: { write(bytes: Buffer): boolean; end(): void } = manner.raw === true ? socket : res;
  if (manner.raw !== true) res.writeHead(reply.status, reply.headers as Record<string, string | string[]>);
  if (manner.hold?.at === 'after_head' || manner.hold?.at === 0 || cut?.at === 'after_head') res.flushHeaders();
  await holdAt('after_head');
  if (cut?.at === 'after_head') return breakOff();

  const mostUnits = typeof cut?.at === 'object' && 'units' in cut.at ? cut.at.units : Infinity;
  const mostBytes = typeof cut?.at === 'object' && 'bytes' in cut.at ? cut.at.bytes : Infinity;
  let units = 0;
  let bytes = 0;
  for (const unit of reply.units) {
    if (res.destroyed) return;
    await holdAt(units);
    if (units > 0 && manner.intervalMs !== undefined && manner.intervalMs > 0) await wait((pass) => stage.clock.after(manner.intervalMs ?? 0, pass));
    if (units >= mostUnits) return breakOff();
    if (res.destroyed) return;
    const room = mostBytes - bytes;
    const goesOn = body.write(unit.length > room ? unit.subarray(0, room) : unit);
    bytes += unit.length;
    units += 1;
    stage.sent();
    if (bytes >= mostBytes) return breakOff();
    if (!goesOn) await wait((pass) => on(manner.raw === true ? socket : res, 'drain', pass));
    if (manner.apart === true)
      await wait((pass) => {
        const turn = setImmediate(pass);
        return () => clearImmediate(turn);
      });
  }
  await holdAt(units);
  if (units >= mostUnits) return breakOff();
  if (res.destroyed) return;
  if (manner.raw === true) socket.once('finish', () => stage.finished());
  body.end();
}

/** The short way for bytes that are in no one's way: a whole body goes out in one call. */
async function flatOut(res: ServerResponse, { status, headers, units }: Reply, stage: Stage): Promise<void> {
  res.writeHead(status, headers as Record<string, string | string[]>);
  if (Array.isArray(units) && units.length === 1) {
    stage.sent();
    res.end(units[0]);
    return;
  }
  const wait = waiting(res);
  for (const unit of units) {
    const goesOn = res.write(unit);
    stage.sent();
    if (!goesOn) await wait((pass) => on(res, 'drain', pass));
    if (res.destroyed) return;
  }
  res.end();
}

type Wait = (arm: (pass: () => void) => () => void) => Promise<void>;

/** A wait that ends early when the client leaves, and then disarms what it had armed. */
function waiting(res: ServerResponse): Wait {
  return async (arm) => {
    if (res.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const leave = on(res, 'close', resolve);
    const disarm = arm(resolve);
    await promise;
    leave();
    disarm();
  };
}

async function flushed(socket: Socket, wait: Wait): Promise<void> {
  // The response corks its socket for the rest of the tick; only then is what is left in the buffer known.
  await wait((pass) => {
    const turn = setImmediate(pass);
    return () => clearImmediate(turn);
  });
  if (socket.writableLength > 0) await wait((pass) => on(socket, 'drain', pass));
}

function on(emitter: NodeJS.EventEmitter, event: string, run: () => void): () => void {
  emitter.once(event, run);
  return () => emitter.off(event, run);
}
