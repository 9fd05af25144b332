/** @typedef {ReturnType<typeof createProgress>} Progress */

/**
 * Progress lines with elapsed time, on stderr so that stdout holds only what the task promises.
 * @param {{ write: (line: string) => void, now: () => number, quiet: boolean }} options
 *   `now` in milliseconds; a quiet boot speaks only once something slow has to be done.
 */
export function createProgress({ write, now, quiet }) {
  const began = now();
  const line = (text) => write(`[${((now() - began) / 1_000).toFixed(1).padStart(5)} s] ${text}\n`);
  return {
    /** A step that is over at once. */
    note(text) {
      if (!quiet) line(text);
    },
    /** News that the reader must see even in a quiet boot. */
    tell: line,
    /**
     * A step that takes a while: a line when it begins, one every ten seconds, one when it is done.
     * @template T
     * @param {string} text
     * @param {() => Promise<T>} work
     * @returns {Promise<T>}
     */
    async slow(text, work) {
      const from = now();
      const seconds = () => ((now() - from) / 1_000).toFixed(1);
      line(`${text} …`);
      const beat = setInterval(() => line(`${text}: still at it after ${seconds()} s`), 10_000);
      try {
        const result = await work();
        line(`${text}: done in ${seconds()} s`);
        return result;
      } finally {
        clearInterval(beat);
      }
    },
  };
}
