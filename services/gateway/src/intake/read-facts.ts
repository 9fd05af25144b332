import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SwitchyardError } from '@switchyard/contracts';
import type { RequestHead } from '../edge/read-head.ts';
import type { Surface } from '../routes.ts';
import { JsonScanner } from './json-scanner.ts';
import { readBody } from './read-body.ts';
import type { BodyLimits } from './read-body.ts';

/** What routing needs to know of a request; everything else in the body is the upstream's business. */
export interface RequestFacts {
  readonly body: Buffer;
  readonly model: string | null;
  readonly stream: boolean;
  readonly previousResponseId: string | null;
  /** False only when the client said `store: false`: then its response id leads nowhere later. */
  readonly store: boolean;
  /** The upstream goes on with it after the client has left. */
  readonly background: boolean;
}

const ROUTED = new Set(['model', 'stream', 'previous_response_id', 'store', 'background']);
const MAX_NAME = 512;

/**
 * Reads and checks the body of a request as its surface asks.
 * @returns null when the client left first
 * @throws SwitchyardError for every refusal of the intake
 */
export function readFacts(
  request: IncomingMessage,
  response: ServerResponse,
  surface: Surface,
  head: RequestHead,
  limits: BodyLimits,
): Promise<RequestFacts | null> {
  const { contentType } = head;
  const json = surface.body === 'json' || (surface.body !== 'none' && isJson(contentType));
  if (surface.body === 'json' && !isJson(contentType)) {
    throw new SwitchyardError('unsupported_media_type', 'This route takes JSON; send `Content-Type: application/json`.', { param: 'content-type' });
  }
  const scanner = json ? new JsonScanner(ROUTED, surface.body === 'any') : null;
  return readBody(request, response, head, scanner, limits, (body) => factsOf(body, scanner, surface));
}

function factsOf(body: Buffer, scanner: JsonScanner | null, surface: Surface): RequestFacts {
  if (scanner === null || (body.length === 0 && surface.body !== 'json'))
    return { body, model: null, stream: false, previousResponseId: null, store: true, background: false };
  scanner.end();
  if (!isUtf8(body)) throw new SwitchyardError('invalid_json', 'The body is not valid UTF-8.');
  return {
    body,
    model: modelOf(scanner, surface),
    stream: booleanOf(scanner, 'stream', false),
    previousResponseId: nameOf(scanner, 'previous_response_id'),
    store: booleanOf(scanner, 'store', true),
    background: booleanOf(scanner, 'background', false),
  };
}

// The media type and nothing but a UTF-8 charset after it; `application/json\tjunk` and utf-7 are refused (fault row B14).
const JSON_TYPE = /^application\/json *(?:; *charset *= *"?utf-8"? *)?;? *$/i;

function isJson(contentType: string | null): boolean {
  return contentType === 'application/json' || (contentType !== null && JSON_TYPE.test(contentType));
}

function modelOf(scanner: JsonScanner, surface: Surface): string | null {
  const model = nameOf(scanner, 'model');
  if (model === null && surface.body === 'json') throw new SwitchyardError('missing_required_parameter', 'The field `model` is missing.', { param: 'model' });
  return model;
}

function nameOf(scanner: JsonScanner, field: string): string | null {
  const kind = scanner.fields.get(field)?.kind;
  if (kind === undefined || kind === 'null') return null;
  const value = scanner.string(field);
  if (value === undefined) throw new SwitchyardError('invalid_value', `The field \`${field}\` must be a string.`, { param: field });
  // Names are echoed in errors, logs and rows: nothing that could break a line or a column gets through (fault row B16).
  if (value === '' || value.length > MAX_NAME || /\p{Cc}/u.test(value))
    throw new SwitchyardError('invalid_value', `The field \`${field}\` must have 1 to ${MAX_NAME} printable characters.`, { param: field });
  return value;
}

function booleanOf(scanner: JsonScanner, field: string, otherwise: boolean): boolean {
  const kind = scanner.fields.get(field)?.kind;
  if (kind === undefined || kind === 'null') return otherwise;
  if (kind !== 'true' && kind !== 'false') throw new SwitchyardError('invalid_value', `The field \`${field}\` must be true or false.`, { param: field });
  return kind === 'true';
}
