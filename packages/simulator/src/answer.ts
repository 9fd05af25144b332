import type { Direction } from './direction.ts';
import { isObject } from './json.ts';
import type { Loose } from './json.ts';
import { unknownModel } from './models.ts';
import type { Reply } from './reply.ts';
import { refuse } from './reply.ts';
import { SURFACES, surfaceOf } from './surfaces.ts';
import type { Call, World } from './world.ts';

/** A request with its body read, on its way to a surface. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly search: string;
  readonly headers: Call['headers'];
  /** Decoded bytes, or what they say when that is known already. */
  readonly body: Buffer | Loose;
  /** Responses that only the socket knows on which it came. */
  readonly kept?: Call['kept'];
}

/** The unscripted answer, or the directed one: finds the surface, parses the body, checks the model. */
export function answer(request: Request, world: World, direction: Direction): Reply {
  const found = surfaceOf(request.method, request.path);
  if (found === undefined) return notServed(request);
  const body = Buffer.isBuffer(request.body) ? parsed(request.body) : request.body;
  if (!isObject(body)) return refuse(400, { message: 'We could not parse the JSON body of your request.' });
  const { surface, id } = found;
  if (surface.model) {
    const model = body['model'];
    if (typeof model !== 'string') return refuse(400, { message: "Missing required parameter: 'model'.", param: 'model', code: 'missing_required_parameter' });
    if (!world.serves(model)) return unknownModel(model);
  }
  const { method, search, headers, kept } = request;
  return surface.answer({ method, id, query: new URLSearchParams(search), headers, body, ...(kept === undefined ? {} : { kept }) }, world, direction);
}

function parsed(bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}

function notServed({ method, path, headers }: Request): Reply {
  // codex goes on over HTTP, silently and for the rest of its session, after exactly this answer (codex-protocol 3).
  if (headers.upgrade !== undefined) return refuse(426, { message: 'WebSocket is not served here; use HTTP.' }, { connection: 'close' });
  const others = SURFACES.filter((surface) => surfaceOf(surface.method, path)?.surface === surface).map((surface) => surface.method);
  if (others.length > 0) return refuse(405, { message: `Not allowed to ${method} on ${path}.` }, { allow: others.join(', ') });
  return refuse(404, { message: `Invalid URL (${method} ${path})` });
}
