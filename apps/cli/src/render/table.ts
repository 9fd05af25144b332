import type { Emphasis } from './emphasis.ts';
import { visible } from './words.ts';

export interface Column {
  readonly title: string;
  /** Numbers are read from their end. */
  readonly numeric?: true;
}

/** Rows as aligned plain text, two spaces apart, each line ended. The title line is marked up by `emphasise`. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], emphasise: Emphasis = (text) => text): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = columns.map(({ title }, n) => Math.max(title.length, ...cells.map((row) => lengthOf(row[n] ?? ''))));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ numeric }, n) => {
        const text = row[n] ?? '';
        const pad = ' '.repeat(widths[n]! - lengthOf(text));
        return numeric ? pad + text : text + pad;
      })
      .join('  ')
      .trimEnd();
  return [emphasise(line(columns.map(({ title }) => title))), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

const GRAPHEMES = new Intl.Segmenter();

/** What a reader counts as characters. */
function lengthOf(text: string): number {
  return [...GRAPHEMES.segment(text)].length;
}
