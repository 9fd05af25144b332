import { row } from '../setting.ts';
import { boolean, oneOf } from '../setting-type.ts';

/** Metrics and logs. */
export const OBSERVABILITY_SETTINGS = {
  'metrics.allow_loopback': row({
    type: boolean,
    default: false,
    env: 'METRICS_ALLOW_LOOPBACK',
    apply: 'restart',
    help: 'Serve `/metrics` to loopback peers without a token.',
  }),

  'log.level': row({
    type: oneOf(['debug', 'info', 'warn', 'error', 'critical'], { trace: 'debug', verbose: 'debug', notice: 'info', warning: 'warn', fatal: 'critical' }),
    default: 'info',
    env: 'LOG_LEVEL',
    apply: 'restart',
    help: 'Least urgent level that is logged.',
  }),
};
