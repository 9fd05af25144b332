import { OpenAPIHono, z } from '@hono/zod-openapi';
import { GATEWAY_API } from '@switchyard/contracts/api';
import { SURFACES } from '../routes.ts';
import type { Surface, SurfaceName } from '../routes.ts';

interface DocumentOptions {
  /** Of the product. */
  readonly version: string;
  /** Whether the address that is described serves the data plane too; beyond loopback our own API has one of its own. */
  readonly dataPlane: boolean;
}

const BOTH = 'One address for the clients of the pool and for its operators. The data plane takes a key, our own API the admin token.';
const OURS = 'What operators and the command line call, with the admin token. The data plane has an address of its own and is not described here.';

/** Bodies that the built-in sandbox answers, so that whoever reads a page of the document can try it at once. */
const EXAMPLES: Partial<Record<SurfaceName, object>> = {
  'responses.create': { model: 'sandbox', input: 'hello' },
  'responses.compact': { model: 'sandbox', input: 'hello' },
  'responses.input_tokens': { model: 'sandbox', input: 'hello' },
  'chat.completions': { model: 'sandbox', messages: [{ role: 'user', content: 'hello' }] },
  completions: { model: 'sandbox', prompt: 'hello' },
  embeddings: { model: 'sandbox', input: 'hello' },
  'codex.responses': { model: 'sandbox', input: 'hello' },
  'codex.compact': { model: 'sandbox', input: 'hello' },
};

const SECURITY: Readonly<Record<Surface['auth'], Record<string, string[]>[]>> = { key: [{ key: [] }], key_unless_open: [{ key: [] }, {}], none: [] };

/**
 * What one address answers, as an OpenAPI 3.1 document: our own API with the names of `GATEWAY_API` as operation ids, and the surfaces of the
 * data plane with theirs. It names no server, so programs and pages call the address that they have it from.
 * @see product section 8
 */
export function openApiDocument({ version, dataPlane }: DocumentOptions) {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  if (dataPlane) {
    registry.registerComponent('securitySchemes', 'key', {
      type: 'http',
      scheme: 'bearer',
      description: 'For the data plane: a key of a client, as the first start shows it or `keys create` makes it.',
    });
    for (const surface of SURFACES as readonly Surface[]) if (surface.method !== 'any') registry.registerPath(dataPlaneOperation(surface));
  }
  // After the key, which is what most people are asked for first; pages ask for them in this order.
  registry.registerComponent('securitySchemes', 'adminToken', {
    type: 'http',
    scheme: 'bearer',
    description: 'For our own API: the text of `$SWITCHYARD_HOME/admin.token` (`~/.switchyard/admin.token`).',
  });
  for (const [operationId, route] of Object.entries(GATEWAY_API)) registry.registerPath({ ...route, operationId, tags: ['Our own API'] });
  registry.registerPath(METRICS);
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Switchyard',
      version,
      description: dataPlane ? BOTH : OURS,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    tags: [
      ...(dataPlane
        ? [
            {
              name: 'Data plane',
              description:
                "What clients call, with a key. The shapes are OpenAI's; what an account answers arrives unchanged. Every other path below `/v1` goes to an account too.",
            },
          ]
        : []),
      { name: 'Our own API', description: 'What operators and the command line call, with the admin token.' },
    ],
    security: [{ adminToken: [] }],
  });
}

type Operation = Parameters<OpenAPIHono['openAPIRegistry']['registerPath']>[0];

/** Answered beside our own API, by the same rules. */
const METRICS: Operation = {
  operationId: 'metrics',
  method: 'get',
  path: '/metrics',
  tags: ['Our own API'],
  summary: 'All figures, in the text format of Prometheus',
  responses: {
    200: { description: 'The figures', content: { 'text/plain': { schema: { type: 'string' } } } },
    default: { description: 'A refusal', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
  },
};

function dataPlaneOperation({ name, method, path, auth, body, by, help }: Surface): Operation {
  const example = EXAMPLES[name as SurfaceName];
  const schema = {
    type: 'object' as const,
    additionalProperties: true,
    ...(body === 'json' ? { properties: { model: { type: 'string' as const } }, required: ['model'] } : {}),
  };
  return {
    operationId: name,
    method: method.toLowerCase() as Operation['method'],
    path,
    tags: ['Data plane'],
    summary: help.replaceAll('`', '').replace(/\.$/, ''), // pages show a summary as plain text
    security: SECURITY[auth],
    request: {
      ...(path.includes('{id}') ? { params: z.object({ id: z.string() }) } : {}),
      ...(body === 'none'
        ? {}
        : { body: { required: body === 'json', content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } } } }),
    },
    responses:
      by === 'socket'
        ? {
            101: { description: 'The socket is open' },
            default: { description: 'A refusal', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
          }
        : by === 'account'
          ? {
              200: { description: 'What the account answered, unchanged' },
              default: { description: 'A refusal: of ours, or the one of the account, unchanged' },
            }
          : {
              200: { description: 'The answer', content: { 'application/json': { schema: { type: 'object' } } } },
              default: { description: 'A refusal', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
            },
  };
}
