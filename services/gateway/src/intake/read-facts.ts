import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SwitchyardError } from '@switchyard/contracts';
import { NO_CLAIMS } from '../bindings/claims.ts';
import type { Claims } from '../bindings/claims.ts';
import { compressed, notJson } from '../edge/read-head.ts';
import type { RequestHead } from '../edge/read-head.ts';
import type { Surface } from '../routes.ts';
import { decodeBody } from './decode-body.ts';
import { MAX_FILES } from './file-fields.ts';
import { LAST_ITEMS, inputClaims } from './input-claims.ts';
import type { InputClaims } from './input-claims.ts';
import { JsonScanner } from './json-scanner.ts';
import { readBody } from './read-body.ts';
import type { BodyLimits } from './read-body.ts';
import type { StatePlace } from './splice-turn.ts';

/** What routing needs to know of a request; everything else in the body is the upstream's business. */
export interface RequestFacts {
  readonly body: Buffer;
  /** The body as it came, when that was compressed: for an account that takes it so. */
  readonly encoded: Buffer | null;
  readonly model: string | null;
  /** Where its name stands in the body, with its quotes; both 0 when it names none. */
  readonly modelAt: number;
  readonly modelEnd: number;
  readonly stream: boolean;
  /** By what it continues something earlier; null when it does not, and on surfaces that have no conversations. */
  readonly claims: Claims | null;
  /** False only when the client said `store: false`: then its response id leads nowhere later. */
  readonly store: boolean;
  /** The upstream goes on with it after the client has left. */
  readonly background: boolean;
  /** What only the frame of a turn says; null over HTTP. */
  readonly frame: TurnFrame | null;
}

/** What a frame says that asks for a turn, beside what a body would. */
export interface TurnFrame {
  /** It asks for nothing yet: its client warms the socket up with what will stay the same (codex-protocol 3). */
  readonly isWarmUp: boolean;
  /** Where a turn state can be put in; null when it has one, or has no place for it. */
  readonly statePlace: StatePlace | null;
}

/** Top-level fields that are read. */
const ROUTED = new Set(['model', 'stream', 'previous_response_id', 'store', 'background']);
/** And those that are, too, where there are conversations. */
export const CONTINUING: ReadonlySet<string> = new Set([...ROUTED, 'prompt_cache_key', 'client_metadata', 'conversation', 'input']);
/** The field whose last elements say what is continued. */
export const INPUT = { field: 'input', last: LAST_ITEMS };
const MAX_NAME = 512;
/** More of it is not looked at; codex sends some hundred bytes. */
const MAX_METADATA = 16_384;

/**
 * Reads and checks the body of a request as its surface asks.
 * @param readsItems  Whether to look into `input` for what it continues: only worth it when there is more than one account that it could belong to.
 * @returns null when the client left first
 * @throws SwitchyardError for every refusal of the intake
 */
export function readFacts(
  request: IncomingMessage,
  response: ServerResponse,
  surface: Surface,
  head: RequestHead,
  limits: BodyLimits,
  readsItems: boolean,
): Promise<RequestFacts | null> {
  const { contentType } = head;
  const json = surface.body === 'json' || (surface.body !== 'none' && isJson(contentType));
  if (surface.body === 'json' && !isJson(contentType)) {
    throw notJson(contentType);
  }
  const continues = surface.watch === 'responses';
  const scanner = json ? new JsonScanner(continues ? CONTINUING : ROUTED, surface.body === 'any', continues && readsItems ? INPUT : null) : null;
  if (head.isZstd) return readCompressed(request, response, head, scanner, surface, limits, readsItems);
  return readBody(request, response, head, scanner, limits, (body) => factsOf(body, scanner, surface, head, readsItems));
}

/** A compressed body is read whole before it is looked into; its scanner is fed with what it holds. */
async function readCompressed(
  request: IncomingMessage,
  response: ServerResponse,
  head: RequestHead,
  scanner: JsonScanner | null,
  surface: Surface,
  limits: BodyLimits,
  readsItems: boolean,
): Promise<RequestFacts | null> {
  if (surface.watch !== 'responses') throw compressed();
  const encoded = await readBody(request, response, head, null, limits, (whole) => whole);
  if (encoded === null) return null;
  let held = encoded.length;
  try {
    const body = await decodeBody(encoded, scanner, limits);
    held += body.length;
    return { ...factsOf(body, scanner, surface, head, readsItems), encoded };
  } catch (error) {
    limits.memory.release(held);
    throw error;
  }
}

/** What a body says that has been scanned whole. @throws SwitchyardError for every refusal of the intake */
export function factsOf(body: Buffer, scanner: JsonScanner | null, surface: Surface, head: RequestHead, readsItems: boolean): RequestFacts {
  if (scanner === null || (body.length === 0 && surface.body !== 'json'))
    return { body, encoded: null, model: null, modelAt: 0, modelEnd: 0, stream: false, claims: null, store: true, background: false, frame: null };
  scanner.end();
  if (!isUtf8(body)) throw new SwitchyardError('invalid_json', 'The body is not valid UTF-8.');
  const named = scanner.fields.get('model');
  return {
    body,
    encoded: null,
    model: modelOf(scanner, surface),
    modelAt: named === undefined ? 0 : named.start,
    modelEnd: named === undefined ? 0 : named.end,
    stream: booleanOf(scanner, 'stream', false),
    claims: claimsOf(body, scanner, surface, head, readsItems),
    store: booleanOf(scanner, 'store', true),
    background: booleanOf(scanner, 'background', false),
    frame: null,
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

function claimsOf(body: Buffer, scanner: JsonScanner, surface: Surface, head: RequestHead, readsItems: boolean): Claims | null {
  const previousResponse = nameOf(scanner, 'previous_response_id');
  const { files } = scanner;
  if (files !== null && files.length > MAX_FILES)
    throw new SwitchyardError('json_too_complex', `The body names more than ${MAX_FILES} files.`, { param: 'file_id' });
  if (surface.watch !== 'responses') return previousResponse === null && files === null ? null : { ...NO_CLAIMS, previousResponse, files };
  const { turnState } = head;
  const session = head.session ?? threadOf(body, scanner);
  const cacheKey = keyOf(scanner);
  const conversation = conversationOf(body, scanner);
  const { calls, encrypted, isFollowUp, isCompact } = readsItems ? itemsOf(body, scanner) : NO_CLAIMS;
  const isFresh = turnState === null && previousResponse === null && session === null && cacheKey === null && conversation === null;
  if (isFresh && calls === null && files === null && encrypted === null) return null;
  return { turnState, previousResponse, session, calls, conversation, files, encrypted, cacheKey, isFollowUp, isCompact };
}

function itemsOf(body: Buffer, scanner: JsonScanner): InputClaims {
  const span = scanner.fields.get('input');
  if (span?.kind !== 'array') return NO_CLAIMS;
  return inputClaims(
    body.subarray(span.start, span.end),
    scanner.lastElements().map((at) => at - span.start),
  );
}

/** The cache key, when it is one. What else it could be is the upstream's to refuse: nothing here depends on it. */
function keyOf(scanner: JsonScanner): string | null {
  const key = scanner.string('prompt_cache_key');
  return key === undefined || key === '' || key.length > MAX_NAME ? null : key;
}

/** The conversation object that a response is to be part of: its id, or an object with that. */
function conversationOf(body: Buffer, scanner: JsonScanner): string | null {
  const span = scanner.fields.get('conversation');
  if (span === undefined || (span.kind !== 'string' && span.kind !== 'object')) return null;
  if (span.end - span.start > MAX_METADATA)
    throw new SwitchyardError('invalid_value', `The field \`conversation\` must not be larger than ${MAX_METADATA} bytes.`, { param: 'conversation' });
  const value = JSON.parse(body.toString('utf8', span.start, span.end)) as string | { id?: unknown };
  const id = typeof value === 'string' ? value : value.id;
  return typeof id === 'string' && id !== '' && id.length <= MAX_NAME ? id : null;
}

/** The thread that codex names in the body. */
function threadOf(body: Buffer, scanner: JsonScanner): string | null {
  const span = scanner.fields.get('client_metadata');
  if (span?.kind !== 'object' || span.end - span.start > MAX_METADATA) return null;
  const { thread_id: thread } = JSON.parse(body.toString('utf8', span.start, span.end)) as { thread_id?: unknown };
  return typeof thread === 'string' && thread !== '' && thread.length <= MAX_NAME ? thread : null;
}

function booleanOf(scanner: JsonScanner, field: string, otherwise: boolean): boolean {
  const kind = scanner.fields.get(field)?.kind;
  if (kind === undefined || kind === 'null') return otherwise;
  if (kind !== 'true' && kind !== 'false') throw new SwitchyardError('invalid_value', `The field \`${field}\` must be true or false.`, { param: field });
  return kind === 'true';
}
