import { OTHER_LABEL } from '@switchyard/observability';
import type { LabelRule, MetricDef } from '@switchyard/observability';
import { GATEWAY_METRICS } from '@switchyard/service-gateway';
import { generatedNote } from './generated-note.ts';
import { markdownTable } from './markdown-table.ts';

/** docs/metrics.md: every metric of the services. */
export function metricsPage(): string {
  const metrics = Object.entries<MetricDef>(GATEWAY_METRICS);
  return `# Metrics

${generatedNote('the table in services/gateway/src/metrics.ts')}
\`GET /metrics\` answers in the Prometheus text format. It needs the admin token, or a caller on loopback where \`metrics.allow_loopback\` is set;
[operations.md](operations.md#metrics) has a scrape configuration. Times are in seconds, sizes in bytes. A label value that is not listed here is
counted as \`${OTHER_LABEL}\`, so that nothing from outside can grow the number of series. The figures of the process itself (\`process_*\`, \`nodejs_*\`) come beside these.

${markdownTable(
  ['Metric', 'Type', 'Labels', 'What it says'],
  metrics.map(([name, { type, help, labels }]) => [`\`${name}\``, type, labelsOf(labels ?? {}), help]),
)}
## Labels

${markdownTable(
  ['Label', 'Values', 'Of'],
  labelRows(metrics).map(({ label, values, of }) => [
    `\`${label}\``,
    values.map((value) => `\`${value}\``).join(', '),
    of.map((name) => `\`${name}\``).join(', '),
  ]),
)}`;
}

function labelsOf(labels: Readonly<Record<string, LabelRule>>): string {
  const names = Object.keys(labels).map((name) => `\`${name}\``);
  return names.length === 0 ? 'none' : names.join(', ');
}

interface LabelRow {
  readonly label: string;
  readonly values: readonly string[];
  readonly of: string[];
}

/** Each label once for every set of values that it has. */
function labelRows(metrics: readonly (readonly [string, MetricDef])[]): LabelRow[] {
  const rows = new Map<string, LabelRow>();
  for (const [name, { labels }] of metrics) {
    for (const [label, rule] of Object.entries(labels ?? {})) {
      const values = 'atMost' in rule ? [`the first ${rule.atMost} seen`] : rule;
      const key = `${label} ${values.join(' ')}`;
      rows.set(key, { label, values, of: [...(rows.get(key)?.of ?? []), name] });
    }
  }
  return [...rows.values()];
}
