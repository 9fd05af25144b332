import { createHash } from 'node:crypto';

/**
 * Opaque content for reasoning and compaction items, tied to its issuer as the real thing is (codex-protocol 5): one
 * simulator refuses what another one sealed.
 */
export function seal(nonce: string, size: number): string {
  return `sealed_${nonce}_${createHash('sha256').update(`${nonce}:${size}`).digest('base64url')}`;
}

export function openedByUs(nonce: string, content: string): boolean {
  return content.startsWith(`sealed_${nonce}_`);
}
