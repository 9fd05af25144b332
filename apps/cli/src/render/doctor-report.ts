import type { Finding, Report } from '../operations/operations.ts';
import type { Emphasis } from './emphasis.ts';
import { moment, plural, visible } from './words.ts';

const MARKS: Readonly<Record<Finding['severity'], string>> = { error: 'WRONG', warning: 'WARNING', info: 'NOTE' };

/** What the doctor has found, for a person: each finding with what was seen and what to do. */
export function doctorReport({ healthy, server, checked_at: at, findings }: Report, emphasise: Emphasis = (text) => text): string {
  const looked = server === 'running' ? 'The running server was asked' : 'No server runs; its files were looked at';
  const wrong = findings.filter(({ severity }) => severity !== 'info').length;
  const title = emphasise(healthy ? 'Healthy' : `${plural(wrong, 'thing')} to see to`);
  const lines = [
    `${looked}, ${moment(at)} UTC.`,
    ...findings.flatMap(({ id, severity, cause, evidence, next_action: next }) => [
      '',
      `${MARKS[severity]}  ${id}`,
      `  ${cause}`,
      ...evidence.map((seen) => `  - ${seen}`),
      `  What to do: ${next}`,
    ]),
  ];
  return `${[title, ...lines.map(visible)].join('\n')}\n`;
}
