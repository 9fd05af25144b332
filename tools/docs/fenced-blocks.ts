/** A fenced block of a Markdown page. */
export interface FencedBlock {
  /** The first word of its info string: `sh`, `js`, … */
  readonly language: string;
  readonly text: string;
  /** Line of its opening fence, from 1. */
  readonly line: number;
  /** Why the comment right above it says that it is not run; null when there is none. */
  readonly notRun: string | null;
}

const FENCE = /^( *)(```+|~~~+) *([^\s`]*)[^\n`]*\n([^]*?)^\1\2`*~* *$/gm;
const NOT_RUN = /<!-- not run: (.+?) -->\s*$/;

/** The fenced blocks of a page, in order. */
export function fencedBlocks(markdown: string): FencedBlock[] {
  return [...markdown.matchAll(FENCE)].map((match) => ({
    language: match[3]!,
    text: match[4]!,
    line: markdown.slice(0, match.index).split('\n').length,
    notRun: NOT_RUN.exec(markdown.slice(0, match.index))?.[1] ?? null,
  }));
}
