import type { Hono } from 'hono';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** The methods that a path of an app takes, as the header `Allow` lists them; empty when there is nothing at the path. */
export function allowedMethods({ router }: Pick<Hono, 'router'>, path: string): string {
  const taken = METHODS.filter((method) => router.match(method, path)[0].length > 0);
  return taken.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}
