import { fileURLToPath } from 'node:url';
export { openGateway } from './open-gateway.ts';
export type { Gateway, GatewayParts } from './open-gateway.ts';
export { SURFACES, isAdminPath, isPlainTarget } from './routes.ts';
export type { Surface } from './routes.ts';
export { KINDS as BINDING_KIND_NAMES } from './bindings/kinds.ts';
export { POLICY_NAMES } from './attempt/policy.ts';
export { openApiDocument } from './http/openapi-document.ts';
export { GATEWAY_METRICS } from './metrics.ts';
export { addAccount, removeAccount, showAccounts, testAccount } from './use/accounts.ts';
export type { AccountTest, AccountView } from './use/accounts.ts';
export { draftOf } from './accounts/account-draft.ts';
export type { AccountDraft } from './accounts/account-draft.ts';
export type { Control } from './use/control.ts';
export { createKey, endKey, showKeys } from './use/keys.ts';
export type { KeyDraft, KeyView } from './use/keys.ts';
export { bindingLimits, forgetSessionBindings, showSessionBindings } from './use/session-bindings.ts';
export { findRequest, listRequests } from './store/requests.ts';
export type { LoggedRequest } from './store/requests.ts';
export type { DB as GatewayTables } from './store/schema.gen.ts';
export { sendRefusal } from './edge/answer.ts';
export { isFromLoopback } from './edge/client-address.ts';
export { isLingering, linger } from './edge/linger.ts';
export { bearerToken, readHead } from './edge/read-head.ts';

/** Where the gateway's migrations lie, for whoever migrates the database. */
export const GATEWAY_MIGRATIONS = { service: 'gateway', directory: fileURLToPath(new URL('../migrations/', import.meta.url)) } as const;
