import type { BindingRow } from './bindings.ts';

/**
 * Takes in page after page, until so many pages are read, or all; another call goes on where this one ended.
 * @param closing  Ends it between two pages.
 */
export async function readPages(
  pages: AsyncIterator<readonly BindingRow[], void>,
  take: (rows: readonly BindingRow[]) => void,
  closing: AbortSignal,
  most = Infinity,
): Promise<void> {
  for (let read = 0; read < most; read++) {
    const page = await pages.next();
    if (page.done === true || closing.aborted) return;
    take(page.value);
  }
}
