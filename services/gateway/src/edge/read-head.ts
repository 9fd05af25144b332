import type { IncomingMessage } from 'node:http';
import { SwitchyardError } from '@switchyard/contracts';

/** What the head of a request says, read once from the raw header list. */
export interface RequestHead {
  readonly authorization: string | null;
  readonly contentType: string | null;
  /** Declared length of the body; null when it is chunked or there is none. */
  readonly contentLength: number | null;
  readonly isChunked: boolean;
  /** The body is compressed with zstd, as codex does with a ChatGPT login (protocol trap 6). */
  readonly isZstd: boolean;
  /** The client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean;
  /** Set by browsers; decides about CORS. */
  readonly origin: string | null;
  /** `X-Forwarded-For` or else `X-Real-IP`, unchecked: only a trusted proxy's word counts. */
  readonly forwardedFor: string | null;
  /** Headers that go upstream, flat. Credentials, hop-by-hop headers and ours are never among them. */
  readonly forward: string[];
  /** The client's own request id: a label in the log, nothing more. */
  readonly clientRequestId: string | null;
  /** `x-codex-turn-state`, which leads to the account that gave it. */
  readonly turnState: string | null;
  /** The thread or session that the request belongs to, of the first of `SESSION_HEADERS` that it has. */
  readonly session: string | null;
}

/** Headers by which clients name a conversation, the one that says most first: a thread is one conversation, a session may be several. */
const SESSION_HEADERS = ['thread-id', 'session-id', 'x-session-id', 'x-client-session-id', 'x-conversation-id', 'x-thread-id'];

type Treatment =
  | 'forward'
  | 'drop'
  | 'authorization'
  | 'api_key'
  | 'own_key'
  | 'host'
  | 'transfer_encoding'
  | 'content_type'
  | 'content_encoding'
  | 'content_length'
  | 'expect'
  | 'origin'
  | 'forwarded_for'
  | 'real_ip'
  | 'request_id'
  | 'turn_state'
  | 'session';

// What goes upstream is an allow list (architecture 8); everything else stays here.
const FORWARDED = new Set(['accept', 'user-agent', 'originator', 'version', 'session-id', 'thread-id', 'x-client-request-id']);
const FORWARDED_PREFIX = /^(?:openai-|anthropic-|x-codex-|x-openai-|x-stainless-)/;
const READ: Readonly<Record<string, Treatment>> = {
  authorization: 'authorization',
  'x-api-key': 'api_key',
  'x-switchyard-key': 'own_key',
  host: 'host',
  'transfer-encoding': 'transfer_encoding',
  'content-type': 'content_type',
  'content-encoding': 'content_encoding',
  'content-length': 'content_length',
  expect: 'expect',
  origin: 'origin',
  'x-forwarded-for': 'forwarded_for',
  'x-real-ip': 'real_ip',
  'x-request-id': 'request_id',
  'x-codex-turn-state': 'turn_state',
  ...Object.fromEntries(SESSION_HEADERS.map((name) => [name, 'session' as const])),
};

function treatmentOf(name: string): Treatment {
  const lower = name.toLowerCase();
  if (Object.hasOwn(READ, lower)) return READ[lower]!;
  return FORWARDED.has(lower) || FORWARDED_PREFIX.test(lower) ? 'forward' : 'drop';
}

// Clients spell their headers the same way each time, so the classification is remembered by exact spelling. Bounded, because the
// names come from outside.
const remembered = new Map<string, Treatment>();
function treatment(name: string): Treatment {
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const found = treatmentOf(name);
  if (remembered.size < 1_000) remembered.set(name, found);
  return found;
}

// RFC 3986 host and optional port, as RFC 9112 section 3.2 allows it in Host.
const HOST = /^(?:[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

/**
 * Reads the head and refuses what Node lets through but RFC 9112 does not, or what two readers could take differently:
 * several or malformed `Host`, a target that is not in origin form, framing of another version, transfer encoding on HTTP/1.0,
 * and more than one credential.
 * @throws SwitchyardError `bad_framing`, `ambiguous_credentials`, `unsupported_media_type`
 * @see fault rows B04, B06, B08
 */
export function readHead(request: IncomingMessage): RequestHead {
  const raw = request.rawHeaders;
  const isVersion10 = request.httpVersionMinor === 0;
  if (request.httpVersionMajor !== 1) throw new SwitchyardError('bad_framing', 'This is not HTTP/1.0 or HTTP/1.1.');
  if (request.url?.charCodeAt(0) !== 0x2f) throw new SwitchyardError('bad_framing', 'The request target must be a path beginning with "/".');
  let host: string | null = null;
  let bearer: string | null = null;
  let apiKey: string | null = null;
  let ownKey: string | null = null;
  let contentType: string | null = null;
  let contentLength: number | null = null;
  let isChunked = false;
  let isZstd = false;
  let expectsContinue = false;
  let origin: string | null = null;
  let forwardedFor: string | null = null;
  let realIp: string | null = null;
  let clientRequestId: string | null = null;
  let turnState: string | null = null;
  let session: string | null = null;
  let sessionRank = SESSION_HEADERS.length;
  const forward: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    switch (treatment(name)) {
      case 'forward':
        forward.push(name, value);
        break;
      case 'host':
        if (host !== null) throw new SwitchyardError('bad_framing', 'The request has two Host headers.');
        host = value;
        break;
      case 'transfer_encoding':
        if (isVersion10) throw new SwitchyardError('bad_framing', 'HTTP/1.0 has no transfer encoding.');
        // Node takes any list that ends in `chunked`, and would leave the other codings to be taken for the body.
        if (isChunked || value.toLowerCase() !== 'chunked')
          throw new SwitchyardError('bad_framing', 'The only transfer encoding understood is `chunked`, once.');
        isChunked = true;
        break;
      case 'content_length':
        // Node has refused anything but digits, once; beyond 15 of them two readers may count differently.
        if (value.length > 15) throw new SwitchyardError('bad_framing', 'The Content-Length is not a plain number.');
        contentLength = Number(value);
        break;
      case 'expect':
        if (value.toLowerCase() !== '100-continue') throw new SwitchyardError('expectation_failed', 'This expectation is not understood.');
        expectsContinue = !isVersion10; // HTTP/1.0 has no interim answers (RFC 9110 section 10.1.1)
        break;
      case 'origin':
        origin = value;
        break;
      case 'forwarded_for':
        forwardedFor = forwardedFor === null ? value : `${forwardedFor}, ${value}`;
        break;
      case 'real_ip':
        realIp = value;
        break;
      case 'authorization':
        if (bearer !== null || apiKey !== null) throw ambiguous();
        bearer = value;
        break;
      case 'api_key':
        if (bearer !== null || apiKey !== null) throw ambiguous();
        apiKey = value;
        break;
      case 'own_key':
        if (ownKey !== null) throw ambiguous();
        ownKey = value;
        break;
      case 'content_type':
        if (contentType !== null) throw new SwitchyardError('bad_framing', 'The request has two Content-Type headers.');
        contentType = value;
        forward.push(name, value);
        break;
      case 'content_encoding':
        // One layer at most: each further one multiplies what a few bytes may ask for.
        if (isZstd) throw compressed();
        isZstd = value.toLowerCase() === 'zstd';
        if (!isZstd && value.toLowerCase() !== 'identity') throw compressed();
        break;
      case 'request_id':
        clientRequestId = value;
        break;
      case 'turn_state':
        turnState ??= value === '' ? null : value;
        forward.push(name, value);
        break;
      case 'session': {
        const lower = name.toLowerCase();
        const rank = SESSION_HEADERS.indexOf(lower);
        if (value !== '' && rank < sessionRank) {
          session = value;
          sessionRank = rank;
        }
        if (FORWARDED.has(lower)) forward.push(name, value);
        break;
      }
      case 'drop':
        break;
    }
  }
  if (host === null ? !isVersion10 : !HOST.test(host)) throw new SwitchyardError('bad_framing', 'The Host header is missing or is not a host name.');
  return {
    // A key of ours beside another credential is meant for us: the other is for whom the client takes us, and goes nowhere.
    authorization: ownKey !== null ? `Bearer ${ownKey}` : apiKey === null ? bearer : `Bearer ${apiKey}`,
    contentType,
    contentLength,
    isChunked,
    isZstd,
    expectsContinue,
    origin,
    forwardedFor: forwardedFor ?? realIp,
    forward,
    clientRequestId,
    turnState,
    session,
  };
}

function ambiguous(): SwitchyardError {
  return new SwitchyardError('ambiguous_credentials', 'The request carries more than one credential.');
}

/** The refusal of a body whose encoding is not undone here. */
export function compressed(): SwitchyardError {
  const message = 'The header `Content-Encoding` says that the body is compressed; on this route send it as it is, without that header.';
  return new SwitchyardError('unsupported_media_type', message, { param: 'content-encoding' });
}

/** What came as the type of a body is told back no longer than this. */
const MAX_TYPE = 100;

/** The refusal of a body that is not said to be JSON. @param type  What the header says; null without it. */
export function notJson(type: string | null): SwitchyardError {
  const came = type === null || type === '' ? 'came without `Content-Type`' : `came with \`Content-Type: ${type.slice(0, MAX_TYPE)}\``;
  return new SwitchyardError('unsupported_media_type', `The body ${came}; this route takes JSON in UTF-8: send \`Content-Type: application/json\`.`, {
    param: 'content-type',
  });
}

// A key in the address ends up in logs and browser histories on the way here (fault row B08).
const CREDENTIAL_IN_QUERY = /[?&](?:api[-_]?key|key|access[-_]?token|authorization|token)=/i;

/** @throws SwitchyardError `credential_in_query` */
export function refuseCredentialInQuery(query: string): void {
  if (query !== '' && CREDENTIAL_IN_QUERY.test(query)) throw new SwitchyardError('credential_in_query', 'The address carries a credential.');
}

/** The token of `Authorization: Bearer TOKEN`, or null. The scheme is case-insensitive (RFC 9110 section 11.1). */
export function bearerToken(authorization: string | null): string | null {
  if (authorization === null || authorization.length < 8 || authorization.charCodeAt(6) !== 0x20) return null;
  const scheme = authorization.slice(0, 6);
  return scheme === 'Bearer' || scheme.toLowerCase() === 'bearer' ? authorization.slice(7).trim() : null;
}
