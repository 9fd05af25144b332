import { renewLogin } from './chatgpt/renew-login.ts';
import { checkAccounts, nothingToTell, showProfile, showUsage } from './chatgpt/wham.ts';
import { chatCompletions } from './chat-completions.ts';
import { completions } from './completions.ts';
import type { Direction } from './direction.ts';
import { embeddings } from './embeddings.ts';
import { getModel, listModels } from './models.ts';
import type { Reply } from './reply.ts';
import { cancelResponse, deleteResponse, getResponse, listInputItems } from './response-routes.ts';
import { compactResponse, countInput, createResponse } from './responses.ts';
import type { Call, World } from './world.ts';

/** One route. `{id}` stands for one path segment. `model`: whether the body must name a model that is served. */
export interface Surface {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly model: boolean;
  readonly answer: (call: Call, world: World, direction: Direction) => Reply;
}

/** Where logins are renewed: the one path that asks for no credential. */
export const TOKEN_PATH = '/oauth/token';
/** Where the ChatGPT backend has what the API has below /v1 (codex-protocol 8.5). */
const CODEX_PREFIX = '/backend-api/codex/';

/** Everything that a simulator serves, in one table (openai-api sections 2 to 6). */
export const SURFACES: readonly Surface[] = [
  { method: 'POST', path: '/v1/chat/completions', model: true, answer: chatCompletions },
  { method: 'POST', path: '/v1/responses', model: true, answer: createResponse },
  { method: 'POST', path: '/v1/responses/input_tokens', model: true, answer: countInput },
  { method: 'POST', path: '/v1/responses/compact', model: true, answer: compactResponse },
  { method: 'GET', path: '/v1/responses/{id}', model: false, answer: getResponse },
  { method: 'DELETE', path: '/v1/responses/{id}', model: false, answer: deleteResponse },
  { method: 'POST', path: '/v1/responses/{id}/cancel', model: false, answer: cancelResponse },
  { method: 'GET', path: '/v1/responses/{id}/input_items', model: false, answer: listInputItems },
  { method: 'POST', path: '/v1/completions', model: true, answer: completions },
  { method: 'POST', path: '/v1/embeddings', model: true, answer: embeddings },
  { method: 'GET', path: '/v1/models', model: false, answer: listModels },
  { method: 'GET', path: '/v1/models/{id}', model: false, answer: getModel },
  { method: 'GET', path: '/backend-api/wham/accounts/check', model: false, answer: checkAccounts },
  { method: 'GET', path: '/backend-api/wham/usage', model: false, answer: showUsage },
  { method: 'GET', path: '/backend-api/wham/rate-limit-reset-credits', model: false, answer: nothingToTell },
  { method: 'GET', path: '/backend-api/wham/settings/user', model: false, answer: nothingToTell },
  { method: 'GET', path: '/backend-api/wham/profiles/me', model: false, answer: showProfile },
  { method: 'POST', path: TOKEN_PATH, model: false, answer: renewLogin },
];

const EXACT = new Map(SURFACES.filter(({ path }) => !path.includes('{id}')).map((surface) => [`${surface.method} ${surface.path}`, surface]));
const WITH_ID = SURFACES.filter(({ path }) => path.includes('{id}')).map((surface) => {
  const [before = '', after = ''] = surface.path.split('{id}');
  return { surface, before, after };
});

/** The path below /v1 that a path of the ChatGPT backend stands for; any other as it is. */
export function plainPath(path: string): string {
  return path.startsWith(CODEX_PREFIX) ? `/v1/${path.slice(CODEX_PREFIX.length)}` : path;
}

/** Finds the surface of a request and the id in its path. */
export function surfaceOf(method: string, asked: string): { surface: Surface; id: string } | undefined {
  const path = plainPath(asked);
  const exact = EXACT.get(`${method} ${path}`);
  if (exact !== undefined) return { surface: exact, id: '' };
  for (const { surface, before, after } of WITH_ID) {
    if (surface.method !== method || !path.startsWith(before) || !path.endsWith(after)) continue;
    const id = path.slice(before.length, path.length - after.length);
    if (id !== '' && !id.includes('/')) return { surface, id: decoded(id) };
  }
  return undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
