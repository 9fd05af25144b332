import { OpenAPIHono } from '@hono/zod-openapi';
import { GATEWAY_API } from './gateway-api.ts';

/**
 * Our own API as an OpenAPI 3.1 document, with the names of `GATEWAY_API` as operation ids.
 * @param version  Of the product.
 */
export function openApiDocument(version: string) {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  registry.registerComponent('securitySchemes', 'adminToken', { type: 'http', scheme: 'bearer', description: 'The text of `$SWITCHYARD_HOME/admin.token`.' });
  for (const [operationId, route] of Object.entries(GATEWAY_API)) registry.registerPath({ ...route, operationId });
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Switchyard',
      version,
      description: "What operators and the command line call. The data plane is OpenAI's own API and is not described here.",
    },
    servers: [{ url: 'http://127.0.0.1:4700' }],
    security: [{ adminToken: [] }],
  });
}
