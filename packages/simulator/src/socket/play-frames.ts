import type { Behaviour } from '../behaviour.ts';
import type { Reply } from '../reply.ts';
import type { Stage } from '../play.ts';
import type { Connection } from './serve-turns.ts';

/** So much may wait in the socket before the next frame waits for it. */
const HIGH_WATER = 65_536;

/**
 * Sends a reply as the frames of one turn (codex-protocol 3), in the manner of a behaviour as far as frames have one: `delayMs`,
 * `intervalMs`, `hold`, `cut` (counts of units are counts of frames), `binary`, and `close` behind them. Resolves when everything was
 * handed over, was cut, or the client left; never rejects, and leaves no timer behind.
 */
export async function playFrames({ ws, wire }: Pick<Connection, 'ws' | 'wire'>, reply: Reply, behaviour: Behaviour | undefined, stage: Stage): Promise<void> {
  const frames = framesOf(reply, behaviour);
  const { cut, hold, close } = behaviour ?? {};
  const wait = async (arm: (pass: () => void) => () => void): Promise<void> => {
    if (ws.readyState !== ws.OPEN) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    ws.once('close', resolve);
    const disarm = arm(resolve);
    await promise;
    ws.off('close', resolve);
    disarm();
  };
  const holdAt = async (place: 'before_head' | 'after_head' | number): Promise<void> => {
    if (hold?.at !== place) return;
    const { gate } = hold;
    await wait((pass) => (gate === undefined ? () => {} : stage.gates.wait(gate, pass)));
  };
  const breakOff = async (): Promise<void> => {
    await wait(flushed);
    stage.cutting();
    if (cut?.how === 'reset') wire.resetAndDestroy();
    ws.terminate();
  };
  const flushed = (pass: () => void): (() => void) => {
    // What was sent must have left, or the client would see less than the script says.
    if (wire.writableLength === 0) pass();
    else wire.once('drain', pass);
    return () => wire.off('drain', pass);
  };

  if (behaviour?.delayMs !== undefined) await wait((pass) => stage.clock.after(behaviour.delayMs ?? 0, pass));
  await holdAt('before_head');
  await holdAt('after_head');
  if (cut?.at === 'before_head' || cut?.at === 'after_head') return breakOff();
  const most = typeof cut?.at === 'object' && 'units' in cut.at ? cut.at.units : Infinity;
  let sent = 0;
  for (const frame of frames) {
    await holdAt(sent);
    if (sent > 0 && behaviour?.intervalMs !== undefined) await wait((pass) => stage.clock.after(behaviour.intervalMs ?? 0, pass));
    if (sent >= most) return breakOff();
    if (close?.at === sent) break;
    if (ws.readyState !== ws.OPEN) return;
    ws.send(frame, { binary: behaviour?.binary === true });
    sent += 1;
    stage.sent();
    if (wire.writableLength > HIGH_WATER) await wait(flushed);
  }
  await holdAt(sent);
  if (sent >= most) return breakOff();
  if (ws.readyState !== ws.OPEN) return;
  stage.finished();
  if (close !== undefined) ws.close(close.code, 'as scripted');
  // A stream without a terminal event ends by its end; on a socket that is a close.
  else if (behaviour?.end === 'none') ws.close(1000);
}

/** The frames of a turn: headers of its own as `response.metadata`, then each event, or one `error` frame for a refusal. */
function* framesOf(reply: Reply, behaviour: Behaviour | undefined): Generator<string | Buffer> {
  if (reply.status >= 400) {
    yield errorFrame(reply);
    return;
  }
  const told = Object.fromEntries(Object.entries(behaviour?.headers ?? {}).filter(([, value]) => value !== null));
  if (Object.keys(told).length > 0) yield JSON.stringify({ type: 'response.metadata', headers: told });
  for (const unit of reply.units) {
    const text = unit.toString();
    const at = text.indexOf('data: ');
    yield at === -1 ? unit : text.slice(at + 'data: '.length).trimEnd();
  }
}

const ABOUT_THE_BODY = new Set(['content-type', 'content-length', 'connection']);

function errorFrame({ status, headers, units }: Reply): string {
  const text = Buffer.concat([...units]).toString();
  const told = Object.fromEntries(Object.entries(headers).filter(([name]) => !ABOUT_THE_BODY.has(name)));
  return JSON.stringify({ type: 'error', status, ...(Object.keys(told).length === 0 ? {} : { headers: told }), ...errorIn(text) });
}

function errorIn(text: string): object {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body;
  } catch {
    // Not every upstream refuses in JSON.
  }
  return { error: { message: text } };
}
