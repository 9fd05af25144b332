import { fileURLToPath } from 'node:url';

/** Where the gateway's migrations lie, for whoever migrates the database. */
export const GATEWAY_MIGRATIONS = { service: 'gateway', directory: fileURLToPath(new URL('../../migrations/', import.meta.url)) } as const;
