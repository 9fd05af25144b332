/** The head of every event stream here (openai-api 2.3, row 7). */
export const SSE_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' } as const;

/** One event as bytes: an `event:` line when a name is given, one `data:` line, one blank line. `data` has no line ends. */
export function sseEvent(data: string, name?: string): Buffer {
  return Buffer.from(name === undefined ? `data: ${data}\n\n` : `event: ${name}\ndata: ${data}\n\n`);
}
