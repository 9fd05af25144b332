import type { IncomingMessage } from 'node:http';

/** Class of traffic; each has its share of the active requests (product sections 2 and 5). */
export const LANES = ['responses', 'compact', 'websocket', 'standard'] as const;
export type Lane = (typeof LANES)[number];

/** One surface of the data plane. Auth, limits, metrics, docs and the authorisation matrix derive from this table. */
export interface Surface {
  /** Name in metrics and logs. */
  readonly name: string;
  /** `any` takes every method. */
  readonly method: string;
  /** Exact path, or a pattern with one `{id}`, whose `/*` behind it means also all below, or a prefix ending in `*`. */
  readonly path: string;
  /** The path below /v1 that means the same; upstreams are asked for that. */
  readonly sameAs?: string;
  readonly lane: Lane;
  readonly auth: 'key' | 'key_unless_open' | 'none';
  /** `json`: read and checked, must name a model. `json_optional`: checked when there is one. `any`: bytes of any type. */
  readonly body: 'json' | 'json_optional' | 'any' | 'none';
  /** Who answers: an account, or Switchyard itself; `socket` is an account too, but one message after the other on a WebSocket. */
  readonly by: 'account' | 'gateway' | 'socket';
  /** What the answer is watched for: ids that a conversation goes on with, and where usage stands. Only what is `responses` has conversations. */
  readonly watch: 'responses' | 'chat' | 'none';
  /** What the `{id}` of the path names: it leads to the account that has it. */
  readonly names?: 'response' | 'file' | 'conversation';
  /** What a POST makes: the id in its answer is bound to the account. */
  readonly makes?: 'file' | 'conversation';
  readonly help: string;
}

export const SURFACES = [
  {
    name: 'responses.create',
    method: 'POST',
    path: '/v1/responses',
    lane: 'responses',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'responses',
    help: 'Creates a response; SSE with `stream: true`. Its id is bound to the account that made it.',
  },
  {
    name: 'responses.socket',
    method: 'GET',
    path: '/v1/responses',
    lane: 'websocket',
    auth: 'key',
    body: 'none',
    by: 'socket',
    watch: 'responses',
    help: 'A WebSocket on which each `response.create` is a turn and a request of its own. 426 when it is switched off or no account of the key speaks it: codex then goes on over HTTP.',
  },
  {
    name: 'responses.compact',
    method: 'POST',
    path: '/v1/responses/compact',
    lane: 'compact',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'responses',
    help: 'Compacts a conversation.',
  },
  {
    name: 'responses.input_tokens',
    method: 'POST',
    path: '/v1/responses/input_tokens',
    lane: 'standard',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'none',
    help: 'Counts the tokens of an input.',
  },
  {
    name: 'responses.get',
    method: 'GET',
    path: '/v1/responses/{id}',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'account',
    watch: 'none',
    names: 'response',
    help: 'Reads a stored response, from the account that owns it.',
  },
  {
    name: 'responses.delete',
    method: 'DELETE',
    path: '/v1/responses/{id}',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'account',
    watch: 'none',
    names: 'response',
    help: 'Deletes a stored response at its owner.',
  },
  {
    name: 'responses.cancel',
    method: 'POST',
    path: '/v1/responses/{id}/cancel',
    lane: 'standard',
    auth: 'key',
    body: 'json_optional',
    by: 'account',
    watch: 'none',
    names: 'response',
    help: 'Cancels a background response at its owner.',
  },
  {
    name: 'responses.input_items',
    method: 'GET',
    path: '/v1/responses/{id}/input_items',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'account',
    watch: 'none',
    names: 'response',
    help: 'Lists the input of a stored response.',
  },
  {
    name: 'chat.completions',
    method: 'POST',
    path: '/v1/chat/completions',
    lane: 'responses',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'chat',
    help: 'Chat completions; SSE with `stream: true`.',
  },
  {
    name: 'completions',
    method: 'POST',
    path: '/v1/completions',
    lane: 'responses',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'chat',
    help: 'Legacy text completions.',
  },
  {
    name: 'embeddings',
    method: 'POST',
    path: '/v1/embeddings',
    lane: 'standard',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'chat',
    help: 'Embeddings.',
  },
  {
    name: 'models.list',
    method: 'GET',
    path: '/v1/models',
    lane: 'standard',
    auth: 'key_unless_open',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'The models that the key may use, over all accounts. Open to all when `gateway.protect_models` is false. To codex, which asks with `?client_version`, the answer is `{"models":[]}`: it then goes by the catalogue that it brings along.',
  },
  {
    name: 'models.get',
    method: 'GET',
    path: '/v1/models/{id}',
    lane: 'standard',
    auth: 'key_unless_open',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'One model.',
  },
  {
    name: 'files',
    method: 'any',
    path: '/v1/files',
    lane: 'standard',
    auth: 'key',
    body: 'any',
    by: 'account',
    watch: 'none',
    makes: 'file',
    help: 'Uploads a file; it is bound to the account that took it. A list is that of one account.',
  },
  {
    name: 'files.one',
    method: 'any',
    path: '/v1/files/{id}/*',
    lane: 'standard',
    auth: 'key',
    body: 'any',
    by: 'account',
    watch: 'none',
    names: 'file',
    help: 'A file and its content, at the account that has it.',
  },
  {
    name: 'conversations',
    method: 'any',
    path: '/v1/conversations',
    lane: 'standard',
    auth: 'key',
    body: 'any',
    by: 'account',
    watch: 'none',
    makes: 'conversation',
    help: 'Makes a conversation; it is bound to the account that made it.',
  },
  {
    name: 'conversations.one',
    method: 'any',
    path: '/v1/conversations/{id}/*',
    lane: 'standard',
    auth: 'key',
    body: 'any',
    by: 'account',
    watch: 'none',
    names: 'conversation',
    help: 'A conversation and its items, at the account that has it.',
  },
  {
    name: 'other',
    method: 'any',
    path: '/v1/*',
    lane: 'standard',
    auth: 'key',
    body: 'any',
    by: 'account',
    watch: 'none',
    help: 'Every other path below /v1 (images, audio, …) goes to an account unchanged.',
  },
  {
    name: 'codex.responses',
    method: 'POST',
    path: '/backend-api/codex/responses',
    sameAs: '/v1/responses',
    lane: 'responses',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'responses',
    help: 'The same as below /v1, for a codex that takes this for the ChatGPT backend.',
  },
  {
    name: 'codex.socket',
    method: 'GET',
    path: '/backend-api/codex/responses',
    sameAs: '/v1/responses',
    lane: 'websocket',
    auth: 'key',
    body: 'none',
    by: 'socket',
    watch: 'responses',
    help: 'Likewise.',
  },
  {
    name: 'codex.compact',
    method: 'POST',
    path: '/backend-api/codex/responses/compact',
    sameAs: '/v1/responses/compact',
    lane: 'compact',
    auth: 'key',
    body: 'json',
    by: 'account',
    watch: 'responses',
    help: 'Likewise.',
  },
  {
    name: 'codex.models',
    method: 'GET',
    path: '/backend-api/codex/models',
    sameAs: '/v1/models',
    lane: 'standard',
    auth: 'key_unless_open',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'Likewise.',
  },
  {
    name: 'wham.accounts_check',
    method: 'GET',
    path: '/backend-api/wham/accounts/check',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'Tells codex that its account is in order, and to stay here with its model traffic ([codex](codex.md)).',
  },
  {
    name: 'wham.usage',
    method: 'GET',
    path: '/backend-api/wham/usage',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'The quota of the account to which a new conversation of this key would go now, as codex shows it.',
  },
  {
    name: 'wham.reset_credits',
    method: 'GET',
    path: '/backend-api/wham/rate-limit-reset-credits',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'None: quotas are not bought here.',
  },
  {
    name: 'wham.settings',
    method: 'GET',
    path: '/backend-api/wham/settings/user',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'Nothing: settings of a ChatGPT user are not kept here.',
  },
  {
    name: 'wham.profile',
    method: 'GET',
    path: '/backend-api/wham/profiles/me',
    lane: 'standard',
    auth: 'key',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'Likewise.',
  },
  {
    name: 'root',
    method: 'GET',
    path: '/',
    lane: 'standard',
    auth: 'none',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'Says where the API and its description are.',
  },
  { name: 'healthz', method: 'GET', path: '/healthz', lane: 'standard', auth: 'none', body: 'none', by: 'gateway', watch: 'none', help: 'Alive.' },
  { name: 'livez', method: 'GET', path: '/livez', lane: 'standard', auth: 'none', body: 'none', by: 'gateway', watch: 'none', help: 'Alive.' },
  {
    name: 'readyz',
    method: 'GET',
    path: '/readyz',
    lane: 'standard',
    auth: 'none',
    body: 'none',
    by: 'gateway',
    watch: 'none',
    help: 'Able to serve, on every lane; else 503. `degraded` names what is away although it goes on, `next_actions` what to do.',
  },
] as const satisfies readonly Surface[];

export type SurfaceName = (typeof SURFACES)[number]['name'];

export interface Match {
  readonly surface: Surface;
  /** The `{id}` of the path, percent-decoded, or null. */
  readonly id: string | null;
  /** As sent; of a surface that is the same as one below /v1, the path there. */
  readonly path: string;
  /** From `?` on, or the empty string. */
  readonly query: string;
}

export type NoMatch = { readonly unroutable: 'bad_path' | 'no_route' } | { readonly allow: string };

const exact = new Map<string, Surface[]>();
const patterns: { readonly surface: Surface; readonly regex: RegExp }[] = [];
for (const surface of SURFACES as readonly Surface[]) {
  // Names of models may have slashes in them (`meta-llama/Llama-3`); ids of responses have none.
  const id = surface.name === 'models.get' ? '(.+)' : '([^/]+)';
  if (surface.path.includes('{id}')) patterns.push({ surface, regex: new RegExp(`^${surface.path.replace('/*', '(?:/.*)?').replace('{id}', id)}$`) });
  else if (!surface.path.endsWith('*')) exact.set(surface.path, [...(exact.get(surface.path) ?? []), surface]);
}
const other: Surface = SURFACES.find((surface) => surface.name === 'other')!;

// One canonical spelling per path, so that what policy sees is what the upstream gets (fault row B17). Whatever a reader further on may
// undo or fold makes the two differ: encoded letters, digits, dots, slashes, backslashes, percent signs and controls, dot segments, empty
// segments, parameters, and characters that are no part of a path.
const AMBIGUOUS_PATH = new RegExp(
  [
    /[^\w\-.~!$&'()*+,=:@/%]/, // what is no path character (RFC 3986 section 3.3), and `;`
    /%(?![0-9a-f]{2})/,
    /%(?:[01][0-9a-f]|2[5def]|3[0-9b]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9aef])/,
    /\/\//,
    /\/\.{1,2}(?:\/|$)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'i',
);
const NOT_VISIBLE_ASCII = /[^\x21-\x7e]|#/;

// What a path may be asked with that takes every method. TRACE is not among them: it would send the account's credential back.
const OTHER_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

function takes(surface: Surface, method: string): boolean {
  return surface.method === method || (surface.method === 'any' && OTHER_METHODS.includes(method));
}

function methodsOf({ method }: Surface): string {
  return method === 'any' ? OTHER_METHODS.join(', ') : method;
}

/** Whether a request target has one spelling only, so that every reader takes it the same way. */
export function isPlainTarget(target: string): boolean {
  const mark = target.indexOf('?');
  return !AMBIGUOUS_PATH.test(mark === -1 ? target : target.slice(0, mark)) && (mark === -1 || !NOT_VISIBLE_ASCII.test(target.slice(mark)));
}

/** Finds the surface of a request target. The target is taken as sent: nothing is decoded but the `{id}`. */
export function matchRoute(method: string, target: string): Match | NoMatch {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark);
  if (query !== '' && NOT_VISIBLE_ASCII.test(query)) return { unroutable: 'bad_path' };
  const fixed = exact.get(path);
  if (fixed !== undefined) {
    const surface =
      fixed.find((candidate) => takes(candidate, method)) ??
      (method === 'HEAD' ? fixed.find((candidate) => candidate.method === 'GET' && candidate.by === 'gateway') : undefined);
    return surface === undefined ? { allow: fixed.map(methodsOf).join(', ') } : { surface, id: null, path: surface.sameAs ?? path, query };
  }
  if (AMBIGUOUS_PATH.test(path)) return { unroutable: 'bad_path' };
  let allow = '';
  for (const { surface, regex } of patterns) {
    const found = regex.exec(path);
    if (found === null) continue;
    if (!takes(surface, method)) {
      allow = allow === '' ? methodsOf(surface) : `${allow}, ${methodsOf(surface)}`;
      continue;
    }
    const id = decoded(found[1]!);
    return id === null ? { unroutable: 'bad_path' } : { surface, id, path, query };
  }
  if (allow !== '') return { allow };
  if (!path.startsWith('/v1/') || path === '/v1/') return { unroutable: 'no_route' };
  if (isLooseSpelling(path)) return { unroutable: 'bad_path' };
  return OTHER_METHODS.includes(method) ? { surface: other, id: null, path, query } : { allow: OTHER_METHODS.join(', ') };
}

/** Whether a path that is no surface would be one to an upstream that ignores case, or slashes and dots at the end. */
function isLooseSpelling(path: string): boolean {
  const plain = path.toLowerCase().replace(/[/.]+$/, '');
  return plain !== path && (exact.has(plain) || patterns.some(({ regex }) => regex.test(plain)));
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** Whether a request is for our own API and its docs rather than for the data plane. */
export function isAdminPath(request: IncomingMessage): boolean {
  const target = request.url ?? '';
  return target.startsWith('/api/') || target === '/api' || target.startsWith('/api?') || target === '/metrics' || target.startsWith('/metrics?');
}
