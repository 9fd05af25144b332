import { WAIT_MARK } from '../mock/script.ts';

/** Where and as whom the load generator asks. */
export interface Target {
  readonly port: number;
  readonly path: string;
  /** Headers that this subject needs, such as its key. */
  readonly headers: Readonly<Record<string, string>>;
}

const PROMPT = 'Explain in three short paragraphs how a relay keeps the pressure of a fast sender from filling its memory when the receiver is slow.';

/** The bytes of a GET. */
export function getRequest(target: Target): Buffer {
  return Buffer.from(`GET ${target.path} HTTP/1.1\r\n${headerLines(target)}\r\n`, 'latin1');
}

/**
 * The bytes of a chat completion request.
 * @param script     What the mock is to stream (`writeScript`); undefined asks for a unary answer.
 * @param bodyBytes  Pads the body to exactly this length; undefined leaves it at about 250 bytes.
 */
export function chatRequest(target: Target, script?: string, bodyBytes?: number): Buffer {
  const body = chatBody(script, bodyBytes);
  const head = `POST ${target.path} HTTP/1.1\r\n${headerLines(target)}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

/** The body of `chatRequest`. */
export function chatBody(script?: string, bodyBytes?: number): Buffer {
  const build = (prompt: string): string =>
    JSON.stringify({
      user: script ?? 'bench-unary',
      model: 'bench',
      ...(script === undefined || script.startsWith(WAIT_MARK) ? {} : { stream: true }),
      messages: [{ role: 'user', content: prompt }],
    });
  const plain = build(PROMPT);
  if (bodyBytes === undefined) return Buffer.from(plain, 'latin1');
  return Buffer.from(build(PROMPT + ' word'.repeat(bodyBytes).slice(0, bodyBytes - plain.length)), 'latin1');
}

function headerLines(target: Target): string {
  const own = Object.entries(target.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `host: 127.0.0.1:${target.port}\r\naccept: application/json\r\nuser-agent: switchyard-bench\r\n${own.join('')}`;
}
