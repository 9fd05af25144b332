import { objectsIn, stringOr } from './json.ts';

/** The text of a message's content, on every surface: a plain string, or its parts that have text, one a line. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return objectsIn(content)
    .map((part) => stringOr(part['text'], ''))
    .join('\n');
}
