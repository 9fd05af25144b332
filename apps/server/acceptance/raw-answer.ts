import { expect } from 'vitest';

/** An answer as its bytes say it. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Splits what a connection received into its answers. Bodies are taken by their length; one without is the rest. */
export function rawAnswers(received: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received.toString('latin1');
  while (rest !== '') {
    const headEnd = rest.indexOf('\r\n\r\n');
    const lines = rest.slice(0, headEnd).split('\r\n');
    const headers = Object.fromEntries(
      lines.slice(1).map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(lines[0]!)?.[1] ?? Number.NaN);
    const length = status < 200 ? 0 : Number(headers['content-length'] ?? Number.POSITIVE_INFINITY);
    answers.push({ status, headers, body: rest.slice(headEnd + 4, headEnd + 4 + length) });
    rest = length === Number.POSITIVE_INFINITY ? '' : rest.slice(headEnd + 4 + length);
  }
  return answers;
}

/** Expects one refusal of ours and nothing after it: status, code, and the whole envelope. */
export function expectRefusal(received: Buffer, status: number, code: string): void {
  const answers = rawAnswers(received);
  expect(answers.map((answer) => answer.status)).toEqual([status]);
  const [{ headers, body }] = answers as [RawAnswer];
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  const { error } = JSON.parse(body) as { error: Record<string, unknown> };
  expect(error).toMatchObject({ code, retryable: expect.any(Boolean), type: expect.any(String), message: expect.stringMatching(/\w/) });
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'request_id', 'retryable', 'type']);
  expect(headers['x-request-id']).toBe(error['request_id']);
}
