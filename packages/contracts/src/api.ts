export { apiClient } from './api-client.ts';
export type { ApiCall, ApiClient } from './api-client.ts';
export { GATEWAY_API, NewAccount, NewKey } from './gateway-api.ts';
export type { GatewayAnswer, GatewayOperation } from './gateway-api.ts';
