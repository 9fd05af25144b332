import { writeSync } from 'node:fs';

import pino from 'pino';

/** Where finished lines go; each ends in a line feed. */
export interface LogSink {
  write(line: string): void;
}

// A reader of our stderr that has stopped may cost this much memory, then lines are dropped: traffic never waits for a log.
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

let opened: LogSink | undefined;

/**
 * The process's stderr: written behind, flushed when the process exits, silent once its reader has gone. Lines dropped while the reader stood still are
 * counted in a line of their own once it reads again. One sink per process.
 */
export function openLogSink(): LogSink {
  opened ??= openStderr();
  return opened;
}

function openStderr(): LogSink {
  // pino flushes and closes it when the process has nothing left to do, and flushes it when the process exits.
  const sink = pino.destination({ fd: 2, sync: false, maxLength: MAX_QUEUED_BYTES });
  let gone = false;
  let dropped = 0;
  sink.on('drop', () => dropped++);
  sink.on('drain', () => {
    if (dropped === 0 || gone) return;
    sink.write(droppedLine(dropped));
    dropped = 0;
  });
  sink.on('error', () => {
    gone = true; // EPIPE: nobody reads, and there is nowhere left to say so
  });
  let closed = false;
  const close = (): void => {
    closed = true;
  };
  sink.on('close', close);
  process.once('exit', close); // after pino's own handler, which has flushed by then
  return {
    write: (line) => {
      if (gone) return;
      if (closed) writeLast(line);
      else sink.write(line);
    },
  };
}

/** A line of an exit handler, after everything else was closed. */
function writeLast(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // nobody reads any more
  }
}

function droppedLine(dropped: number): string {
  const msg = 'lines of this log were dropped, because nobody read it in time';
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), component: 'log', event: 'log_lines_dropped', dropped, msg })}\n`;
}
