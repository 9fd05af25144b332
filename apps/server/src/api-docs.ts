import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SwitchyardError } from '@switchyard/contracts';
import { Hono } from 'hono';

const OURS = new URL('docs-page/', import.meta.url);
const require = createRequire(import.meta.url);
const SWAGGER_UI = dirname(require.resolve('swagger-ui-dist/package.json'));

/** The files of the page, and what they are. */
const FILES = {
  'swagger-ui.css': { at: join(SWAGGER_UI, 'swagger-ui.css'), type: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { at: join(SWAGGER_UI, 'swagger-ui-bundle.js'), type: 'text/javascript; charset=utf-8' },
  'favicon-32x32.png': { at: join(SWAGGER_UI, 'favicon-32x32.png'), type: 'image/png' },
  'page.css': { at: new URL('page.css', OURS), type: 'text/css; charset=utf-8' },
  'start.js': { at: new URL('start.js', OURS), type: 'text/javascript; charset=utf-8' },
} as const satisfies Record<string, { at: string | URL; type: string }>;

/** Swagger UI's own stylesheet draws its arrows from `data:` addresses. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const API_DOCS = /^\/api\/(?:openapi\.json|docs(?:\/[^?]*)?)(?:\?|$)/;

/** Whether a request is for the description of our API, which holds no secret and is open to whoever reaches the address. */
export function isApiDocs(method: string, target: string): boolean {
  return (method === 'GET' || method === 'HEAD') && API_DOCS.test(target);
}

/**
 * `GET /api/openapi.json`, and `GET /api/docs`, a page that shows it and lets people try it.
 * @param makeDocument  Called once, when the document is asked for first.
 * @see product section 8; section 13 for the headers
 */
export function apiDocs(makeDocument: () => object): Hono {
  let document: string | undefined;
  const page = once(readPage);
  const app = new Hono();
  app.get('/api/openapi.json', (c) => c.body((document ??= JSON.stringify(makeDocument())), 200, { 'content-type': 'application/json', ...REVALIDATED }));
  app.get('/api/docs', async (c) => {
    const { html } = await page();
    return c.body(html, 200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY, ...REVALIDATED });
  });
  app.get('/api/docs/', (c) => c.redirect('/api/docs', 308));
  app.get('/api/docs/:version/:file', async (c) => {
    const { version, files } = await page();
    const file = c.req.param('version') === version ? files.get(c.req.param('file')) : undefined;
    if (file === undefined) throw new SwitchyardError('route_not_found', 'The documentation has no such file.');
    return c.body(file.bytes, 200, { 'content-type': file.type, 'cache-control': 'public, max-age=31536000, immutable' });
  });
  return app;
}

const REVALIDATED = { 'cache-control': 'no-cache' };

interface Page {
  readonly html: string;
  /** Hash of all files, and part of their addresses, so that a browser may keep them for good. */
  readonly version: string;
  readonly files: ReadonlyMap<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string }>;
}

async function readPage(): Promise<Page> {
  const files = new Map(await Promise.all(Object.entries(FILES).map(async ([name, { at, type }]) => [name, { bytes: await readFile(at), type }] as const)));
  const hash = createHash('sha256');
  for (const { bytes } of files.values()) hash.update(bytes);
  const version = hash.digest('hex').slice(0, 16);
  return { html: (await readFile(new URL('page.html', OURS), 'utf8')).replaceAll('VERSION', version), version, files };
}

/** Does slow work when it is first asked for, and again only after it failed. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () =>
    (result ??= work().catch((error: unknown) => {
      result = undefined;
      throw error;
    }));
}
