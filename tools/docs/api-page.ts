import { SURFACES } from '@switchyard/service-gateway';
import type { Surface, openApiDocument } from '@switchyard/service-gateway';
import { generatedNote } from './generated-note.ts';
import { markdownTable } from './markdown-table.ts';
import { schemaText } from './schema-text.ts';
import type { Schema } from './schema-text.ts';

type Document = ReturnType<typeof openApiDocument>;

const AUTH: Readonly<Record<Surface['auth'], string>> = { key: 'yes', key_unless_open: 'unless open', none: 'no' };
const BODY: Readonly<Record<Surface['body'], string>> = { json: 'JSON with `model`', json_optional: 'JSON, or none', any: 'any', none: 'none' };

/**
 * docs/api.md: every route, of the data plane and of our own API.
 * @param document  Of our own API alone.
 */
export function apiPage(document: Document): string {
  return `# Routes

${generatedNote('services/gateway/src/routes.ts and packages/contracts/src/gateway-api.ts')}
## Data plane

Clients send \`Authorization: Bearer KEY\`, or the key as \`x-api-key\`; or as \`x-switchyard-key\` beside an \`Authorization\` that is for somebody else and goes nowhere. What an account answers arrives unchanged: status, headers, every byte of the body,
also what Switchyard does not know. On top come \`x-switchyard-request-id\`, and \`x-switchyard-account\` with the name of the account while
\`gateway.account_header\` is on. \`x-request-id\` is the upstream's, or ours where it sends none. Errors of our own are in [errors.md](errors.md).

Of a request's headers only these go upstream: \`accept\`, \`content-type\`, \`user-agent\`, \`originator\`, \`version\`, \`session-id\`, \`thread-id\`, \`openai-*\`,
\`anthropic-*\`, \`x-codex-*\`, \`x-openai-*\`, \`x-stainless-*\`, \`x-client-request-id\`. The account's own replace the client's of the same name.

${markdownTable(
  ['Method', 'Path', 'Key', 'Body', 'Lane', 'Answered by', 'What it does'],
  SURFACES.map(({ method, path, auth, body, lane, by, help }: Surface) => [
    method === 'any' ? 'any' : `\`${method}\``,
    `\`${path}\``,
    AUTH[auth],
    BODY[body],
    lane,
    by === 'gateway' ? 'Switchyard' : 'an account',
    help,
  ]),
)}
A response id goes to the account that made it, in the path and as \`previous_response_id\`, and to no other. A lane is a share of the requests that may
be in progress at once: \`responses\` and \`websocket\` 75 %, \`standard\` 50 %, \`compact\` 25 % of \`limits.active_requests\`.

## Our own API

For operators and the command line. Every route takes \`Authorization: Bearer TOKEN\` with the text of \`$SWITCHYARD_HOME/admin.token\`, never a data-plane key.
On loopback it is served at the address of the gateway; beyond loopback it moves to \`admin.listen\` unless \`admin.expose\` is set.
What \`GET /metrics\` says is in [metrics.md](metrics.md).

\`GET /api/docs\` is a page that shows all of this in a browser and lets you try it: "Authorize" takes the admin token and a key, and keeps them until
the page is left. \`GET /api/openapi.json\` is the same for programs, an OpenAPI 3.1 document; [openapi.json](openapi.json) is a copy. These two, and the files of the page, need no token.
Where our own API has an address of its own, they are there and leave the data plane out.

${markdownTable(
  ['Method', 'Path', 'What it does', 'Takes', 'Answers'],
  operationsOf(document).map(({ method, path, operation }) => [
    `\`${method.toUpperCase()}\``,
    `\`${path}\``,
    operation.summary ?? '',
    takes(operation),
    answers(operation),
  ]),
)}
A body here must declare its length and have at most 1 MiB; a field that is not listed is refused.

## Shapes

${Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>)
  .toSorted(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, schema]) => shapeText(name, schema))
  .join('\n')}`;
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

function operationsOf(document: Document): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({ method, path, operation })),
  );
}

function takes({ parameters = [], requestBody }: Operation): string {
  const query = parameters.filter((parameter) => parameter.in === 'query').map(({ name, schema }) => `\`?${name}=\` ${schemaText(schema)}`);
  const body = requestBody === undefined ? [] : [`\`${schemaText(requestBody.content['application/json']!.schema)}\``];
  return [...query, ...body].join(', ') || 'nothing';
}

function answers({ responses }: Operation): string {
  const [status, response] = Object.entries(responses).find(([code]) => code.startsWith('2'))!;
  const json = response.content!['application/json'];
  return json === undefined ? `${status} text` : `${status} \`${schemaText(json.schema)}\``;
}

function shapeText(name: string, schema: Schema): string {
  const parts = schema.allOf ?? [schema];
  const base = parts.flatMap(({ $ref }) => ($ref === undefined ? [] : [schemaText({ $ref })]));
  const rows = parts.flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).map(([field, type]) => [`\`${field}\``, `\`${schemaText(type)}\``, required.includes(field) ? 'yes' : 'no']),
  );
  const extended = base.length === 0 ? '' : `All of ${base.map((each) => `\`${each}\``).join(', ')}, and:\n\n`;
  return `### ${name}\n\n${extended}${markdownTable(['Field', 'Type', 'Always there'], rows)}`;
}
