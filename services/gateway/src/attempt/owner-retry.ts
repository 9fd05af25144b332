import type { PolicyRow } from './policy.ts';

/** Milliseconds before each further attempt at an owner that nobody can stand in for (product section 4). */
const OWNER_RETRY_MS: readonly number[] = [75, 200, 500];

/**
 * How long to wait before the owner is asked again.
 * @param asked      How often it has been asked; at least once.
 * @param wasDenied  Whether it has lately said the same to an earlier request.
 * @returns null when it is not to be asked again
 */
export function ownerRetryMs({ owner }: PolicyRow, asked: number, wasDenied = false): number | null {
  const retries = owner === 'again' ? OWNER_RETRY_MS.length : owner === 'again_once' && !wasDenied ? 1 : 0;
  return asked <= retries ? OWNER_RETRY_MS[asked - 1]! : null;
}
