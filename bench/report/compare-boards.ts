import type { Row } from '../board.ts';

/** How far two runs may lie apart and still agree, as a share of the larger figure. */
const AGREEMENT = 0.1;

/** One figure in two runs. */
export interface Comparison {
  readonly title: string;
  readonly unit: string;
  readonly before: number;
  readonly after: number;
  /** The distance as a share of the larger of the two. */
  readonly difference: number;
  readonly agrees: boolean;
}

/** Compares the figures that both boards have, in the order of the first. */
export function compareBoards(a: readonly Row[], b: readonly Row[]): Comparison[] {
  return a.flatMap(({ title, unit, value: before }) => {
    const after = b.find((row) => row.title === title)?.value;
    if (before === null || after === null || after === undefined) return [];
    const larger = Math.max(Math.abs(before), Math.abs(after));
    const difference = larger === 0 ? 0 : Math.abs(after - before) / larger;
    return [{ title, unit, before, after, difference, agrees: difference <= AGREEMENT }];
  });
}
