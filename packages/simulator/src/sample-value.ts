import type { Json, Loose } from './json.ts';
import { isObject } from './json.ts';

const DEEPEST = 32;

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  time: '00:00:00Z',
  duration: 'PT1S',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uuid: '00000000-0000-4000-8000-000000000000',
  uri: 'https://example.com/',
};

/**
 * A small value that is valid for a JSON schema of the kind that structured output and tool parameters use: types, `const`,
 * `enum`, `anyOf`/`oneOf`/`allOf`, local `$ref`, lengths, bounds and formats. Optional members are left out. A `pattern` is
 * not solved. Recursion that has no end in the schema ends in null.
 */
export function sampleValue(schema: unknown, root: unknown = schema, depth = 0): Json {
  if (!isObject(schema) || depth > DEEPEST) return schema === true ? 'sample' : null;
  const inner = (next: unknown): Json => sampleValue(next, root, depth + 1);
  if (typeof schema['$ref'] === 'string') return inner(referenced(schema['$ref'], root));
  if ('const' in schema) return schema['const'] as Json;
  if (Array.isArray(schema['enum'])) return (schema['enum'][0] ?? null) as Json;
  const choices = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(choices) && choices.length > 0) return inner(choices.find(isPlain) ?? choices.find(isNull) ?? choices[0]);
  if (Array.isArray(schema['allOf'])) return inner(merged(schema, root));
  switch (typeOf(schema)) {
    case 'object':
      return sampleObject(schema, inner);
    case 'array':
      return Array.from({ length: numberAt(schema, 'minItems') ?? 0 }, () => inner(schema['items'] ?? true));
    case 'string':
      return sampleString(schema);
    case 'integer':
      return sampleNumber(schema, 1);
    case 'number':
      return sampleNumber(schema, 0.5);
    case 'boolean':
      return true;
    default:
      return null;
  }
}

function typeOf(schema: Loose): unknown {
  const { type } = schema;
  if (Array.isArray(type)) return type.find((each) => each !== 'null') ?? 'null';
  if (type !== undefined) return type;
  if (isObject(schema['properties'])) return 'object';
  return 'items' in schema ? 'array' : 'string';
}

function isNull(choice: unknown): boolean {
  return isObject(choice) && choice['type'] === 'null';
}

/** Neither null nor a reference: references are taken last, since they may lead back to where we are. */
function isPlain(choice: unknown): boolean {
  return !isNull(choice) && !(isObject(choice) && '$ref' in choice);
}

function referenced(reference: string, root: unknown): unknown {
  let at: unknown = root;
  for (const step of reference.replace(/^#\/?/, '').split('/').filter(Boolean)) {
    at = isObject(at) ? at[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
  }
  return at;
}

function merged(schema: Loose, root: unknown): Loose {
  const { allOf, ...own } = schema;
  const parts = [own, ...(allOf as readonly unknown[])].filter(isObject).map((part) => {
    const target = typeof part['$ref'] === 'string' ? referenced(part['$ref'], root) : part;
    return isObject(target) ? target : {};
  });
  const properties = Object.assign({}, ...parts.map((part) => part['properties'] ?? {})) as Loose;
  const required = parts.flatMap((part) => (Array.isArray(part['required']) ? (part['required'] as unknown[]) : []));
  const all = Object.assign({}, ...parts) as Loose;
  return Object.keys(properties).length > 0 ? { ...all, properties, required } : all;
}

function sampleObject(schema: Loose, inner: (schema: unknown) => Json): Json {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'].filter((name) => typeof name === 'string') : [];
  return Object.fromEntries(required.map((name) => [name, inner(properties[name] ?? true)]));
}

function sampleString(schema: Loose): string {
  const format = FORMATS[String(schema['format'])];
  if (format !== undefined) return format;
  const least = numberAt(schema, 'minLength') ?? 0;
  return 'sample'.padEnd(least, '.').slice(0, Math.max(least, numberAt(schema, 'maxLength') ?? Infinity));
}

function sampleNumber(schema: Loose, step: number): number {
  const multiple = numberAt(schema, 'multipleOf');
  const least = numberAt(schema, 'minimum');
  const above = numberAt(schema, 'exclusiveMinimum');
  const most = numberAt(schema, 'maximum');
  const below = numberAt(schema, 'exclusiveMaximum');
  const grid = multiple ?? step;
  const low = Math.max(least ?? -Infinity, above === undefined ? -Infinity : onGrid(above, grid) + (onGrid(above, grid) > above ? 0 : grid));
  if (low > 0) return multiple === undefined && step !== 1 ? low : onGrid(low, grid);
  const high = Math.min(most ?? Infinity, below === undefined ? Infinity : below - grid);
  return high < 0 ? Math.floor(high / grid) * grid : 0;
}

function onGrid(value: number, grid: number): number {
  return Math.ceil(value / grid) * grid;
}

function numberAt(schema: Loose, name: string): number | undefined {
  const value = schema[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
