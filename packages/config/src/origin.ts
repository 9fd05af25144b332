/** Where a value came from. Lines and columns count from 1. */
export type Origin =
  | { readonly kind: 'flag' }
  | { readonly kind: 'env'; readonly name: string; /** Whether it came from `.env`. */ readonly dotEnv?: true }
  | { readonly kind: 'file'; readonly path: string; readonly line: number; readonly column: number }
  | { readonly kind: 'default' };

/** An origin as people look it up: `SWITCHYARD_PORT`, `/home/me/.switchyard/switchyard.toml:3:1`. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'flag':
      return 'command line';
    case 'env':
      return origin.dotEnv ? `${origin.name} in .env` : origin.name;
    case 'file':
      return `${origin.path}:${origin.line}:${origin.column}`;
    case 'default':
      return 'default';
  }
}
