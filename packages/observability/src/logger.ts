import pino from 'pino';

import { LOG_FIELDS } from './log-fields.ts';
import type { LogFieldKind, LogFields } from './log-fields.ts';
import { openLogSink } from './log-sink.ts';
import type { LogSink } from './log-sink.ts';
import { scrub, scrubError, scrubText } from './scrub.ts';

/** Levels from least to most urgent; `critical` is for what needs a person now (product section 12). */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'critical'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** @param event  A stable snake_case name of what happened, for machines; `message` says it to people. */
export type Log = (event: string, message: string, fields?: LogFields) => void;

export interface Logger extends Readonly<Record<LogLevel, Log>> {
  /** The same log under another `component`. */
  child(bindings: { component: string }): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly component: string;
  /** Where lines go; stderr when absent. */
  readonly destination?: LogSink;
}

const SEVERITY = { debug: 20, info: 30, warn: 40, error: 50, critical: 60 } as const satisfies Record<LogLevel, number>;
// Names of refused fields are the caller's; the set is bounded so that a name made of data cannot grow it.
const MAX_REFUSED_NAMES = 100;

/**
 * A logger of JSON lines: `level`, `time`, `component`, `event`, fields of LOG_FIELDS, `msg`. One event is one line whatever it holds. A field that
 * is not in the table, or not of its kind, is left out and said once per name as event `log_field_refused`.
 */
export function createLogger(options: LoggerOptions): Logger {
  const root = pino<LogLevel, true>(
    {
      level: options.level,
      base: null,
      customLevels: SEVERITY,
      useOnlyCustomLevels: true,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    options.destination ?? openLogSink(),
  );
  const refused = new Set<string>();

  function loggerOf(component: string): Logger {
    const bound = root.child({ component });
    const refuse = (name: string): void => {
      if (refused.has(name) || refused.size >= MAX_REFUSED_NAMES) return;
      refused.add(name);
      bound.warn({ event: 'log_field_refused', name: scrubText(name) }, 'a field that LOG_FIELDS does not allow was left out of the log');
    };
    const at = (level: LogLevel): Log => {
      if (!bound.isLevelEnabled(level)) return () => {};
      return (event, message, fields) => bound[level](lineOf(event, fields, refuse), scrubText(message));
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      critical: at('critical'),
      child: (bindings) => loggerOf(bindings.component),
    };
  }
  return loggerOf(options.component);
}

function lineOf(event: string, fields: LogFields | undefined, refuse: (name: string) => void): Record<string, unknown> {
  const line: Record<string, unknown> = { event: scrubText(event) };
  if (fields === undefined) return line;
  for (const name in fields) {
    const value: unknown = fields[name as keyof LogFields];
    if (value === undefined) continue;
    const kind: LogFieldKind | undefined = Object.hasOwn(LOG_FIELDS, name) ? LOG_FIELDS[name as keyof LogFields] : undefined;
    const safe = kind === undefined ? undefined : safeOf(kind, value);
    if (safe === undefined) refuse(name);
    else line[name] = safe;
  }
  return line;
}

function safeOf(kind: LogFieldKind, value: unknown): unknown {
  if (value === null) return null;
  switch (kind) {
    case 'text':
      return typeof value === 'string' ? scrubText(value) : undefined;
    case 'number':
      return typeof value === 'bigint' ? value.toString() : typeof value === 'number' && Number.isFinite(value) ? value : undefined;
    case 'flag':
      return typeof value === 'boolean' ? value : undefined;
    case 'list':
      return Array.isArray(value) ? scrub(value) : undefined;
    case 'error':
      return scrubError(value);
  }
}
