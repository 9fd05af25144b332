/** What a supervisor or a person sends to end a program. */
/** @type {readonly NodeJS.Signals[]} */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/** What a terminal sends to every process of the foreground group by itself. */
const FROM_TERMINAL = new Set(['SIGINT', 'SIGHUP']);

/**
 * Passes ending signals on to a child instead of dying of them, so that the child can end in order and we with its exit code. A terminal has
 * already sent its own to the child, and npm sends a second to us: those are not passed on, for a second Ctrl-C means "at once" to many programs.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {{ terminal?: boolean }} [options]  Whether a terminal is attached.
 * @returns {() => NodeJS.Signals | null} stops forwarding; returns the first signal that came, if any
 */
export function forwardSignals(child, { terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY } = {}) {
  let received = null;
  const handlers = SIGNALS.map((signal) => {
    const handler = () => {
      received ??= signal;
      if (!(terminal && FROM_TERMINAL.has(signal))) child.kill(signal);
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  return () => {
    for (const { signal, handler } of handlers) process.off(signal, handler);
    return received;
  };
}
