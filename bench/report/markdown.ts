import { FIGURES, typical, typicalRatio } from '../figures/figures.ts';
import type { FigureName } from '../figures/figures.ts';
import { median } from '../figures/samples.ts';
import type { Row } from '../board.ts';
import { DIRECT } from '../readings.ts';
import type { Reading } from '../readings.ts';
import type { ResultDocument } from './document.ts';

/** Figures of each subject side by side: name, title. */
const COLUMNS: readonly (readonly [FigureName, string])[] = [
  ['unaryCpu', 'unary CPU'],
  ['unaryRate', 'unary rate'],
  ['unaryP50', 'unary p50'],
  ['unaryP99', 'unary p99'],
  ['eventCpu', 'CPU per event'],
  ['eventRate', 'event rate'],
  ['floodEventCpu', 'CPU per event, flat out'],
  ['floodEventRate', 'event rate, flat out'],
  ['frameCpu', 'CPU per WebSocket message'],
  ['frameRate', 'WebSocket message rate'],
  ['firstByteAddedP50', 'first byte +p50'],
  ['firstByteAddedP90', 'first byte +p90'],
  ['firstByteAddedP99', 'first byte +p99'],
  ['pacedDelayP50', 'paced event p50'],
  ['pacedDelayP99', 'paced event p99'],
  ['bodyCpu', '1 MiB body CPU'],
  ['idleMemory', 'idle memory'],
  ['streamMemory1000', 'per stream at 1 000'],
  ['streamMemory9000', 'per stream at 9 000'],
];

/** The document as a page for people. */
export function renderMarkdown(document: ResultDocument): string {
  const { machine, method, plan } = { ...document, plan: document.method.plan };
  const pinned =
    method.subjectCore === null
      ? 'nothing is pinned to a core'
      : `subject on core ${method.subjectCore}, mock and load generator on core ${method.driverCore}${method.keptAwake ? ', both kept awake' : ''}`;
  return [
    `# Bench of ${document.startedAt.slice(0, 16).replace('T', ' ')} UTC`,
    '',
    `Commit \`${document.commit}\`${document.changed ? ' with changes that are not committed' : ''}. ${machine.processor}, ${machine.cores} cores, ` +
      `${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ${machine.system}, Node ${machine.node}; ${pinned}. ` +
      `${plan.rounds} rounds of ${plan.windowMs / 1000} s windows, with new processes after every ${plan.roundsPerStart}; medians. ${Math.round(document.seconds)} s in all.`,
    '',
    '## Board',
    '',
    table(['Measure', 'Value', 'Must', 'Aim', ''], document.board.map(boardCells)),
    '',
    '## Side by side',
    '',
    sideBySide(document),
    '',
    ceilings(document.readings),
    '',
    noise(document.readings),
    '',
    '## What ran',
    '',
    ...Object.entries(document.versions).map(([name, version]) => `- ${name}: ${version}`),
    ...Object.entries(document.skipped).map(([name, reason]) => `- ${name}: **not measured**: ${reason.split('\n', 1)[0]}`),
    '',
    ...(document.faults.length === 0
      ? ["Every answer had the right status; every sampled body and event was the upstream's, byte for byte."]
      : [
          '## Faults',
          '',
          table(
            ['Subject', 'Measure', 'Round', 'What'],
            document.faults.map((fault) => [fault.subject, fault.measure, String(fault.round), fault.what]),
          ),
        ]),
    '',
  ].join('\n');
}

function boardCells(row: Row): string[] {
  const bound = (value: number | undefined): string => (row.bound === null || value === undefined ? '' : `${row.bound.sign} ${number(value)} ${row.unit}`);
  const verdict = row.met === null ? (row.value === null ? 'not measured' : '') : row.met ? 'met' : '**not met**';
  return [row.title, row.value === null ? '–' : `${number(row.value)} ${row.unit}`, bound(row.bound?.must), bound(row.bound?.aim), verdict];
}

function sideBySide({ readings, versions }: ResultDocument): string {
  const subjects = [DIRECT, ...Object.keys(versions)];
  const rows = COLUMNS.map(([figure, title]) => {
    const cells = subjects.map((subject) => {
      const value = typical(readings, figure, subject);
      return value === undefined ? '–' : number(value);
    });
    return [`${title} (${FIGURES[figure].unit})`, ...cells];
  });
  return table(['', ...subjects], rows);
}

/** What mock and load generator can do together on their core, and how that compares with what went through the subjects. */
function ceilings(readings: readonly Reading[]): string {
  const lines = [
    { title: 'requests', rate: 'unaryRate', cpu: 'unaryCpu' },
    { title: 'events', rate: 'eventRate', cpu: 'eventCpu' },
    { title: 'WebSocket messages', rate: 'frameRate', cpu: 'frameCpu' },
  ] as const;
  const said = lines.flatMap(({ title, rate, cpu }) => {
    const together = typical(readings, rate, DIRECT);
    const mockCpu = typical(readings, cpu, DIRECT);
    if (together === undefined || mockCpu === undefined) return [];
    const through = [...new Set(readings.map(({ subject }) => subject))]
      .filter((subject) => subject !== DIRECT)
      .flatMap((subject) => {
        const ratio = typicalRatio(readings, { figure: rate, subject: DIRECT }, { figure: rate, subject });
        return ratio === undefined ? [] : [`${subject} ${number(ratio)} ×`];
      });
    return [
      `- ${title}: ${number(together)}/s with the load generator on the same core; the mock alone has a ceiling of ${number(1e6 / mockCpu)}/s. ` +
        `Together they have, over what went through: ${through.join(', ')}.`,
    ];
  });
  return said.length === 0
    ? ''
    : [
        "**Ceiling of the mock.** Where it is below 2 ×, the rate is the driver's limit and not the subject's, and only the CPU figures of that subject count.",
        '',
        ...said,
      ].join('\n');
}

function noise(readings: readonly Reading[]): string {
  const busy = readings.flatMap((reading) => ('window' in reading.result ? [reading.result.window.elsewhereCores] : []));
  if (busy.length === 0) return '';
  const typically = median(busy);
  const warning = typically > 0.1 ? ' **That is much: others used this machine, and the figures are worse than they would be alone.**' : '';
  return `**Noise.** Other programs kept ${number(typically)} cores busy during the median window, ${number(Math.max(...busy))} at worst.${warning}`;
}

/** A number with three digits that count. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`, ...rows.map(line)].join('\n');
}
