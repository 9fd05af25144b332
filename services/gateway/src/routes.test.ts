import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SURFACES, isAdminPath, isPlainTarget, matchRoute } from './routes.ts';

const surfaceOf = (method: string, target: string): unknown => {
  const found = matchRoute(method, target);
  return 'surface' in found ? found.surface.name : found;
};

test.each(SURFACES.filter(({ path, method }) => !path.endsWith('*') && method !== 'any'))('$method $path finds $name', ({ method, path, name }) => {
  const target = path.replace('{id}', 'resp_1');
  expect(surfaceOf(method, target)).toBe(name);
  expect(surfaceOf(method, `${target}?a=b`)).toBe(name);
  expect(surfaceOf('LINK', target)).toMatchObject({ allow: expect.stringContaining(method) });
});

test('the id of a path is decoded, path and query are kept as sent', () => {
  expect(matchRoute('GET', '/v1/responses/resp%3A1?stream=true')).toMatchObject({ id: 'resp:1', path: '/v1/responses/resp%3A1', query: '?stream=true' });
});

test('HEAD is GET for what we answer ourselves and for nothing else', () => {
  expect(surfaceOf('HEAD', '/healthz')).toBe('healthz');
  expect(surfaceOf('HEAD', '/v1/models')).toBe('models.list');
  expect(surfaceOf('HEAD', '/v1/responses')).toEqual({ allow: 'POST, GET' });
});

test('a path without a row goes on below /v1 and nowhere else', () => {
  for (const path of ['/v1/uploads', '/v1/audio/transcriptions', '/v1/responses/a/b', '/v1/uploads/a%20b', '/v1/x/a:b@c'])
    expect(surfaceOf('POST', path)).toBe('other');
  for (const path of ['/v1', '/v2/files', '/V1/chat/completions', '/v1x/files']) expect(surfaceOf('POST', path)).toEqual({ unroutable: 'no_route' });
});

test('methods that would send our own headers back, or open a tunnel, are not passed on', () => {
  for (const method of ['TRACE', 'CONNECT', 'OPTIONS', 'PROPFIND'])
    for (const path of ['/v1/uploads', '/v1/files', '/v1/files/file-1'])
      expect(surfaceOf(method, path)).toEqual({ allow: 'GET, HEAD, POST, PUT, PATCH, DELETE' });
});

test.each([
  ['GET', '/v1/files', 'files', null],
  ['POST', '/v1/files', 'files', null],
  ['DELETE', '/v1/files/file-1', 'files.one', 'file-1'],
  ['GET', '/v1/files/file-1/content?x=y', 'files.one', 'file-1'],
  ['POST', '/v1/conversations', 'conversations', null],
  ['GET', '/v1/conversations/conv_1/items/msg_1', 'conversations.one', 'conv_1'],
])('%s %s names what it is for', (method, target, name, id) => {
  expect(matchRoute(method, target)).toMatchObject({ surface: { name }, id });
});

describe('one spelling for each path (fault row B17)', () => {
  // What a lenient reader further on does to a path, one or several times over.
  const folded = (path: string): string => {
    let now = path;
    for (let i = 0; i < 3; i++) {
      now = now.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      now = now
        .replaceAll('\\', '/')
        .replace(/;[^/]*/g, '')
        .replace(/[?#].*$/s, '');
      now = now.replace(/\/+/g, '/');
      for (let before = ''; before !== now;) {
        before = now;
        now = now.replace(/\/\.(?=\/|$)/, '').replace(/\/[^/]+\/\.\.(?=\/|$)/, '');
      }
    }
    return now.toLowerCase().replace(/[/.]+$/, '');
  };
  const piece = fc.constantFrom('v1', 'V1', 'chat', 'Chat', '%63hat', '%43hat', 'completions', 'responses', 'responses.', '/', '//', '/./', '/../', '%2f', '%2E', '..', '%5c', '\\', ';a=b', '%25', '%252f', '%', 'x', '#', '%00', '\u00e9'); // prettier-ignore

  test('no spelling reaches a surface as another path than the one that decided', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 9 }), (pieces) => {
        const path = `/${pieces.join('')}`;
        const found = matchRoute('POST', path);
        if (!('surface' in found)) return;
        const { surface } = found;
        const read = folded(path);
        if (surface.name === 'other') {
          expect(SURFACES.filter((candidate) => candidate.method === 'POST' && candidate.path === read).map(({ name }) => name)).toEqual([]);
          expect(read.startsWith('/v1/')).toBe(true);
        } else if (!surface.path.includes('{id}')) expect(read).toBe(surface.path);
      }),
      { numRuns: 5_000 },
    );
  });

  test('the bare prefix is no path below it', () => {
    expect(matchRoute('POST', '/v1/')).toEqual({ unroutable: 'no_route' });
  });

  test('an ordinary path and query is plain, whatever its query holds', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(?:\/[\w\-:@~]{1,8}){1,4}$/), fc.string(), (path, value) => {
        expect(isPlainTarget(`${path}?q=${encodeURIComponent(value.toWellFormed())}`)).toBe(true);
      }),
    );
  });
});

test('our own API is found by its whole segment, not by how its name begins', () => {
  const isAdmin = (url: string): boolean => isAdminPath({ url } as never);
  for (const url of ['/api', '/api/', '/api/accounts', '/api?x', '/metrics', '/metrics?x']) expect([url, isAdmin(url)]).toEqual([url, true]);
  for (const url of ['/apix', '/v1/api', '/metricsx', '/metrics/', '/API/accounts', '']) expect([url, isAdmin(url)]).toEqual([url, false]);
});
