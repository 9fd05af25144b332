import { hash, timingSafeEqual } from 'node:crypto';

/** Whether two secrets are equal, in a time that depends on neither (digests of one length are compared: fault row E13). */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));
}
