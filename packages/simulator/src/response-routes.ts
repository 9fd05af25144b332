import { objectsIn } from './json.ts';
import type { Reply } from './reply.ts';
import { jsonReply, refuse } from './reply.ts';
import { responseEvents } from './response-events.ts';
import { queued } from './responses.ts';
import { SSE_HEADERS } from './sse.ts';
import type { Call, World } from './world.ts';

/** `GET /v1/responses/{id}`: the object, or its events again after `starting_after`. Fetching completes a background response. */
export function getResponse(call: Call, world: World): Reply {
  const stored = world.responses.get(call.id);
  if (stored === undefined) return unknown(call.id);
  stored.waits = false;
  const { response, pieces } = stored;
  if (call.query.get('stream') !== 'true') return jsonReply(response);
  const after = Number(call.query.get('starting_after') ?? -1);
  return { status: 200, headers: SSE_HEADERS, units: responseEvents({ response, pieces, direction: {}, after }) };
}

/** `DELETE /v1/responses/{id}`. */
export function deleteResponse(call: Call, world: World): Reply {
  return world.responses.delete(call.id) ? jsonReply({ id: call.id, object: 'response', deleted: true }) : unknown(call.id);
}

/** `POST /v1/responses/{id}/cancel`: for background responses only. */
export function cancelResponse(call: Call, world: World): Reply {
  const stored = world.responses.get(call.id);
  if (stored === undefined) return unknown(call.id);
  if (stored.response['background'] !== true)
    return refuse(400, { message: 'Only background responses can be cancelled.', param: 'id', code: 'invalid_value' });
  if (stored.waits) {
    stored.waits = false;
    stored.response = { ...queued(stored.response), status: 'cancelled' };
  }
  return jsonReply(stored.response);
}

/** `GET /v1/responses/{id}/input_items`: newest first unless `order=asc`; `after` and `limit` page through them. */
export function listInputItems(call: Call, world: World): Reply {
  const stored = world.responses.get(call.id);
  if (stored === undefined) return unknown(call.id);
  const ordered = call.query.get('order') === 'asc' ? stored.input : stored.input.toReversed();
  const start = ordered.findIndex((item) => item['id'] === call.query.get('after')) + 1;
  const limit = Math.min(100, Math.max(1, Number(call.query.get('limit')) || 20));
  const data = objectsIn(ordered.slice(start, start + limit));
  const ends = { first_id: data[0]?.['id'] ?? null, last_id: data.at(-1)?.['id'] ?? null };
  return jsonReply({ object: 'list', data, ...ends, has_more: start + limit < ordered.length });
}

function unknown(id: string): Reply {
  return refuse(404, { message: `Response with id '${id}' not found.`, param: 'id' });
}
