import { scrub, scrubText } from '@switchyard/observability';
import type { LoggedRequest, Report } from '../operations/operations.ts';
import type { TarFile } from './tar.ts';

export interface BundleParts {
  readonly report: Report;
  /** What `switchyard config show --json` prints; null when the settings are refused. */
  readonly config: string | null;
  /** Null when the request log cannot be read. */
  readonly requests: readonly LoggedRequest[] | null;
  /** In the text format of Prometheus; null without a running server. */
  readonly metrics: string | null;
}

/** Of a request, what says who asked: of no use to whoever helps. */
const PERSONAL = ['client_address', 'client_request_id'] as const;

/** What a bundle holds, each text gone through the same scrubber as the log, so that it can be sent to others. */
export function bundleFiles({ report, config, requests, metrics }: BundleParts): TarFile[] {
  return [
    { name: 'doctor.json', text: jsonOf(scrub(report)) },
    // Of a secret it says only whether it is set; addresses may have a password in them.
    ...(config === null ? [] : [{ name: 'config.json', text: jsonOf(scrubEach(JSON.parse(config))) }]),
    ...(requests === null ? [] : [{ name: 'requests.jsonl', text: requests.map((request) => `${JSON.stringify(scrub(impersonal(request)))}\n`).join('') }]),
    ...(metrics === null ? [] : [{ name: 'metrics.txt', text: metrics.split('\n').map(scrubText).join('\n') }]),
  ];
}

function jsonOf(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Scrubs member by member: settings have names that look secret, and what hides them has been done already. */
function scrubEach(value: unknown): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (Array.isArray(value)) return value.map(scrubEach);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scrubEach(inner)]));
}

function impersonal(request: LoggedRequest): object {
  return Object.fromEntries(Object.entries(request).filter(([name]) => !(PERSONAL as readonly string[]).includes(name)));
}
