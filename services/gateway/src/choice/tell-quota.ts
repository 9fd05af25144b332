import { leftOf } from './quota-windows.ts';
import type { QuotaWindow, QuotaWindows } from './quota-windows.ts';

/** One window as codex is told of it. Times in seconds, the reset on the Unix clock. */
export interface ToldWindow {
  readonly usedPercent: number;
  readonly lengthS: number | null;
  readonly resetAtS: number;
}

/** What codex is told of the quota of an account; null windows are not known. */
export interface ToldQuota {
  readonly primary: ToldWindow | null;
  readonly secondary: ToldWindow | null;
  readonly isReached: boolean;
  readonly planType: string | null;
}

/**
 * The quota of an account in the terms of codex, for which the short window is the primary one. A block counts as a primary window that is used
 * up, when no window that is known says so by itself: else its user would read of a limit that is reached and see half of it left.
 * @param nowMs  Epoch milliseconds.
 */
export function tellQuota(quota: QuotaWindows, slot: number, nowMs: number): ToldQuota {
  const held = quota.held(slot);
  const primary = toldWindow(held?.short ?? null, nowMs);
  const secondary = toldWindow(held?.weekly ?? null, nowMs);
  const blockedUntilMs = quota.blockedUntilMs(slot, nowMs);
  const isUsedUp = (primary?.usedPercent ?? 0) >= 100 || (secondary?.usedPercent ?? 0) >= 100;
  const isBlocked = blockedUntilMs !== 0 && !isUsedUp;
  return {
    primary: isBlocked ? { usedPercent: 100, lengthS: primary?.lengthS ?? null, resetAtS: Math.ceil(blockedUntilMs / 1_000) } : primary,
    secondary,
    isReached: isUsedUp || blockedUntilMs !== 0,
    planType: held?.planType ?? null,
  };
}

/** The headers in which codex reads a quota, flat (codex-protocol section 6). */
export function quotaHeaders({ primary, secondary }: Pick<ToldQuota, 'primary' | 'secondary'>): string[] {
  const flat: string[] = [];
  for (const [name, window] of [
    ['primary', primary],
    ['secondary', secondary],
  ] as const) {
    if (window === null) continue;
    flat.push(`x-codex-${name}-used-percent`, String(window.usedPercent));
    if (window.lengthS !== null) flat.push(`x-codex-${name}-window-minutes`, String(Math.round(window.lengthS / 60)));
    flat.push(`x-codex-${name}-reset-at`, String(window.resetAtS));
  }
  return flat;
}

function toldWindow(window: QuotaWindow | null, nowMs: number): ToldWindow | null {
  const left = leftOf(window, nowMs);
  if (window === null || left === null) return null;
  return { usedPercent: 100 - left, lengthS: window.windowS, resetAtS: Math.ceil(window.resetAtMs / 1_000) };
}
