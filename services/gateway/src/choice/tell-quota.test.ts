import { expect, test } from 'vitest';
import { QuotaWindows } from './quota-windows.ts';
import { quotaHeaders, tellQuota } from './tell-quota.ts';

const AT = 1_800_000_000_000;
const window = (usedPercent: number, windowS: number) => ({ usedPercent, windowS, resetAtS: AT / 1_000 + 600 });

function quotaOf(short: number, weekly: number): QuotaWindows {
  const quota = new QuotaWindows();
  quota.observe(0, { source: 'poll', atMs: AT, short: window(short, 18_000), weekly: window(weekly, 604_800), planType: 'plus' });
  return quota;
}

test('the short window is the primary one, and both are told with length and reset', () => {
  const told = tellQuota(quotaOf(12.5, 3), 0, AT);
  expect(told).toMatchObject({ isReached: false, planType: 'plus' });
  expect(quotaHeaders(told).join(' ')).toBe(
    'x-codex-primary-used-percent 12.5 x-codex-primary-window-minutes 300 x-codex-primary-reset-at 1800000600 ' +
      'x-codex-secondary-used-percent 3 x-codex-secondary-window-minutes 10080 x-codex-secondary-reset-at 1800000600',
  );
});

test('a window past its reset is full again', () => {
  expect(tellQuota(quotaOf(100, 3), 0, AT + 600_000)).toMatchObject({ isReached: false, primary: { usedPercent: 0 } });
});

test('a block that no window explains is told as one', () => {
  const quota = quotaOf(50, 3);
  quota.block(0, 60_000, false, AT);
  expect(tellQuota(quota, 0, AT)).toMatchObject({ isReached: true, primary: { usedPercent: 100, lengthS: 18_000, resetAtS: 1_800_000_060 } });
  const unknown = new QuotaWindows();
  unknown.block(0, 60_000, false, AT);
  expect(quotaHeaders(tellQuota(unknown, 0, AT))).toEqual(['x-codex-primary-used-percent', '100', 'x-codex-primary-reset-at', '1800000060']);
});

test('of one of which nothing is known nothing is told', () => {
  expect(quotaHeaders(tellQuota(new QuotaWindows(), 0, AT))).toEqual([]);
});
