import type { IncomingMessage, ServerResponse } from 'node:http';

export interface CorsSettings {
  /** Any origin may call; else only pages of this machine and those listed. */
  readonly permissive: boolean;
  readonly origins: readonly string[];
}

const LOCAL = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?$/;
const EXPOSED = 'x-request-id, x-switchyard-request-id, x-switchyard-account, retry-after';

/** Says which pages may call: those of this machine and those listed, or all (fault rows B08, B19). */
export function originPolicy(settings: CorsSettings): (origin: string) => boolean {
  const listed = new Set(settings.origins);
  return (origin) => settings.permissive || LOCAL.test(origin) || listed.has(origin);
}

/**
 * Tells browsers which pages may read our answers (product section 13). It protects nobody but the user of a browser: whoever has no
 * browser is stopped by the key. An origin that may not gets an ordinary answer without the header, which the browser then keeps back.
 */
export function corsPolicy(settings: CorsSettings): (origin: string, request: IncomingMessage, response: ServerResponse) => boolean {
  const mayCall = originPolicy(settings);
  return (origin, request, response) => {
    const may = mayCall(origin);
    response.setHeader('vary', 'origin');
    if (may) {
      response.setHeader('access-control-allow-origin', settings.permissive ? '*' : origin);
      response.setHeader('access-control-expose-headers', EXPOSED);
    }
    if (request.method !== 'OPTIONS') return false;
    if (may) {
      response.setHeader('access-control-allow-methods', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
      response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? 'authorization, content-type');
      response.setHeader('access-control-max-age', '600');
    }
    response.writeHead(204);
    response.end();
    return true;
  };
}
