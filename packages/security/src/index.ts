export { readAdminToken } from './admin-token.ts';
export { hashDataKey, keyHint, newDataKey } from './data-key.ts';
export { checkPrivateHome, ensurePrivateHome } from './private-home.ts';
export { SecurityRefusal } from './security-refusal.ts';
export { sameSecret } from './same-secret.ts';
export { KEY_FILE, VaultError, openVault } from './vault.ts';
export type { Vault, VaultOptions } from './vault.ts';
