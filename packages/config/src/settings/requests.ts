import { row } from '../setting.ts';
import { integer } from '../setting-type.ts';

/** How much of the request log is kept. */
export const REQUEST_LOG_SETTINGS = {
  'requests.keep_days': row({
    type: integer({ min: 1, max: 3_650 }),
    default: 7,
    unit: 'days',
    apply: 'restart',
    help: 'How long the request log and its decisions are kept.',
  }),
  'requests.keep_rows': row({
    type: integer({ min: 1_000, max: 1_000_000_000 }),
    default: 1_000_000,
    unit: 'rows',
    apply: 'restart',
    help: 'How many requests are kept at most; the oldest days go first.',
  }),
};
