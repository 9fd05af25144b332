import type { Settler } from './settler.ts';

/**
 * Waits for what is running, then cuts off the rest.
 * @param cutNow  Ends the waiting early.
 * @returns how many were cut off
 */
export async function waitOrCut(settler: Pick<Settler, 'idle' | 'openCount' | 'cutAll'>, timeoutMs: number, cutNow?: AbortSignal): Promise<number> {
  const { promise: over, resolve } = Promise.withResolvers<'over'>();
  const endWaiting = (): void => resolve('over');
  const timer = setTimeout(endWaiting, cutNow?.aborted ? 0 : timeoutMs);
  cutNow?.addEventListener('abort', endWaiting);
  const ended = await Promise.race([settler.idle(), over]);
  clearTimeout(timer);
  cutNow?.removeEventListener('abort', endWaiting);
  const cut = ended === 'over' ? settler.openCount : 0;
  if (cut > 0) {
    settler.cutAll();
    await settler.idle();
  }
  return cut;
}
