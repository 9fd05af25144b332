import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { HttpBindings } from '@hono/node-server';
import { SwitchyardError, errorEnvelope, newId, retryAfterSeconds } from '@switchyard/contracts';
import { isConnectionLoss } from '@switchyard/database';
import type { Logger, Metrics } from '@switchyard/observability';
import { sameSecret } from '@switchyard/security';
import { bearerToken, isFromLoopback, isPlainTarget, notJson, readHead, sendRefusal } from '@switchyard/service-gateway';
import { OpenAPIHono } from '@hono/zod-openapi';
import { allowedMethods } from './allowed-methods.ts';
import { apiDocs, isApiDocs } from './api-docs.ts';

export interface AdminParts {
  readonly api: OpenAPIHono;
  /** Describes the API as OpenAPI; asked for once, when somebody wants to see it. */
  readonly document: () => object;
  readonly token: string;
  readonly metrics: Metrics;
  /** Lets callers on loopback read the metrics without the token. */
  readonly metricsOnLoopback: boolean;
  readonly log: Logger;
}

const MAX_BODY = 1_048_576;
const JSON_TYPE = /^application\/json *(?:;|$)/i;

/** What a browser that was led here may do with any answer: show it nowhere, load nothing. The page of the docs says otherwise for itself. */
const BROWSER_RULES = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/**
 * Our own API, its documentation and the metrics. Every route but the documentation needs the admin token; a data-plane key is worth nothing
 * here (product section 8). The same strict reading of the head as on the data plane comes first.
 */
export function adminHandler(parts: AdminParts): (request: IncomingMessage, response: ServerResponse) => void {
  const listener = getRequestListener(adminApp(parts).fetch, { overrideGlobalObjects: false });
  return (request, response) => {
    const id = newId('request', Date.now());
    for (const [name, value] of Object.entries(BROWSER_RULES)) response.setHeader(name, value);
    try {
      const { authorization, contentLength, contentType, isChunked } = readHead(request);
      // What follows decides by the path as it was sent; the framework would fold its dot segments first (fault row B17).
      if (!isPlainTarget(request.url!))
        throw new SwitchyardError('bad_framing', 'The path has a spelling that two readers could take differently; send it plain.');
      const isMetrics = /^\/metrics(?:\?|$)/.test(request.url!);
      const isOpen = isApiDocs(request.method!, request.url!) || (isMetrics && parts.metricsOnLoopback && isFromLoopback(request));
      if (!isOpen && !isAdmin(authorization, parts.token)) {
        throw new SwitchyardError(
          'admin_token_required',
          'This needs the admin token. Send `Authorization: Bearer TOKEN`; it is the text of `admin.token` in the home of the server.',
        );
      }
      refuseBody(contentLength ?? 0, contentType, isChunked);
    } catch (error) {
      if (!(error instanceof SwitchyardError)) throw error;
      parts.log[error.fault.level]('admin_request_refused', error.message, { request_id: id, code: error.code });
      sendRefusal(response, error, id);
      return;
    }
    response.setHeader('x-request-id', id);
    void listener(request, response);
  };
}

/** @throws SwitchyardError for a body that is not read here, by what its head says of it */
function refuseBody(length: number, type: string | null, isChunked: boolean): void {
  if (isChunked) throw new SwitchyardError('body_too_large', 'A body here has to come with its length: send `Content-Length`, and no `Transfer-Encoding`.');
  if (length > MAX_BODY)
    throw new SwitchyardError('body_too_large', `The body is ${length} bytes long; our own API takes at most ${MAX_BODY}. Send a smaller one.`);
  if (length > 0 && !JSON_TYPE.test(type ?? '')) throw notJson(type);
}

function isAdmin(authorization: string | null, token: string): boolean {
  const presented = bearerToken(authorization);
  return presented !== null && sameSecret(presented, token);
}

function adminApp({ api, document, metrics, log }: AdminParts): OpenAPIHono {
  const app = new OpenAPIHono();
  app.get('/metrics', async (c) => c.body(await metrics.render(), 200, { 'content-type': metrics.registry.contentType }));
  app.route('/', apiDocs(document));
  app.route('/', api);
  app.notFound((c) => {
    const allow = allowedMethods(app, c.req.path);
    if (allow === '') throw new SwitchyardError('route_not_found', 'There is nothing at this path; `GET /api/docs` lists what there is.');
    c.header('allow', allow);
    throw new SwitchyardError('method_not_allowed', `This path does not take ${c.req.method}; it takes ${allow}.`);
  });
  app.onError((thrown, c) => {
    const error = faultOf(thrown, c.req.header('content-length') ?? '0');
    // The id that the answer carries already.
    const id = String((c.env as HttpBindings).outgoing.getHeader('x-request-id'));
    log[error.fault.level](error.code === 'internal_error' ? 'admin_request_failed' : 'admin_request_refused', error.message, {
      request_id: id,
      code: error.code,
      path: c.req.path,
      ...(error.cause === undefined ? {} : { error: error.cause }),
    });
    const wait = retryAfterSeconds(error);
    return c.json(errorEnvelope(error, id), error.fault.status as 400, wait === null ? {} : { 'retry-after': String(wait) });
  });
  return app;
}

/** @param length  Of the body, as its head says it. */
function faultOf(thrown: unknown, length: string): SwitchyardError {
  if (thrown instanceof SwitchyardError) return thrown;
  if (isConnectionLoss(thrown)) return new SwitchyardError('database_unavailable', 'The database does not answer.', { cause: thrown });
  // Hono's own refusal of a body that is no JSON.
  if ((thrown as { status?: unknown }).status === 400) {
    const message = length === '0' ? 'The body is empty; send a JSON object.' : 'The body is not valid JSON.';
    return new SwitchyardError('invalid_json', `${message} \`GET /api/docs\` has an example for each route.`, { cause: thrown });
  }
  return new SwitchyardError('internal_error', 'Switchyard failed to handle this request.', { cause: thrown });
}
