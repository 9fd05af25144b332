// Why an account is passed over. A word that is missing here is a newer server's, and is shown as it is.
export const SKIPPED: Readonly<Record<string, string>> = {
  key_may_not: 'that this key may not use',
  already_tried: 'tried before',
  soft_full: 'with enough to do already',
  backing_off: 'left alone for a while',
  circuit_open: 'left alone as unhealthy',
  hard_full: 'with as many requests as they may have',
  quota_blocked: 'that refused for their quota',
  reserve: 'down to the reserve of their quota',
  exhausted: 'out of quota',
};

/** How many were passed over for what: `2 out of quota, 1 tried before`; empty when none was. */
export function skippedText(skipped: Readonly<Record<string, number>>): string {
  return Object.entries(skipped)
    .map(([reason, count]) => `${count} ${SKIPPED[reason] ?? reason}`)
    .join(', ');
}
