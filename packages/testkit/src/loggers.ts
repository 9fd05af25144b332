import type { LogFields, LogLevel, Logger } from '@switchyard/observability';

/** One call to a recording logger. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly event: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps nothing. */
export function silentLogger(): Logger {
  return loggerTo(() => {});
}

/** A logger that keeps every call, whatever its level, in `records`. */
export function recordingLogger(): Logger & { readonly records: readonly LogRecord[] } {
  const records: LogRecord[] = [];
  return { ...loggerTo((record) => records.push(record)), records };
}

function loggerTo(keep: (record: LogRecord) => void): Logger {
  const at =
    (level: LogLevel) =>
    (event: string, message: string, fields: LogFields = {}): void =>
      keep({ level, event, message, fields });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), critical: at('critical'), child: () => logger };
  return logger;
}
