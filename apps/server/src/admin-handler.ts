import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { HttpBindings } from '@hono/node-server';
import { SwitchyardError, errorEnvelope, newId, retryAfterSeconds } from '@switchyard/contracts';
import { isConnectionLoss } from '@switchyard/database';
import type { Logger, Metrics } from '@switchyard/observability';
import { sameSecret } from '@switchyard/security';
import { bearerToken, isFromLoopback, isPlainTarget, readHead, sendRefusal } from '@switchyard/service-gateway';
import { OpenAPIHono } from '@hono/zod-openapi';
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
      const { authorization, contentLength, isChunked } = readHead(request);
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
      if (isChunked || (contentLength ?? 0) > MAX_BODY)
        throw new SwitchyardError('body_too_large', `A body here must declare its length, and be no longer than ${MAX_BODY} bytes.`);
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

function isAdmin(authorization: string | null, token: string): boolean {
  const presented = bearerToken(authorization);
  return presented !== null && sameSecret(presented, token);
}

function adminApp({ api, document, metrics, log }: AdminParts): OpenAPIHono {
  const app = new OpenAPIHono();
  app.get('/metrics', async (c) => c.body(await metrics.render(), 200, { 'content-type': metrics.registry.contentType }));
  app.route('/', apiDocs(document));
  app.route('/', api);
  app.notFound(() => {
    throw new SwitchyardError('route_not_found', 'There is nothing at this path.');
  });
  app.onError((thrown, c) => {
    const error = faultOf(thrown);
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

function faultOf(thrown: unknown): SwitchyardError {
  if (thrown instanceof SwitchyardError) return thrown;
  if (isConnectionLoss(thrown)) return new SwitchyardError('database_unavailable', 'The database does not answer.', { cause: thrown });
  // Hono's own refusal of a body that is no JSON.
  if ((thrown as { status?: unknown }).status === 400) return new SwitchyardError('invalid_json', 'The body is not valid JSON.', { cause: thrown });
  return new SwitchyardError('internal_error', 'Switchyard failed to handle this request.', { cause: thrown });
}
