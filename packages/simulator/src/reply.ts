/** What a surface answers: a head and the body in the units (events, or one whole body) in which it is written. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly units: Iterable<Buffer>;
}

/** A whole JSON answer. */
export function jsonReply(value: unknown, status = 200, headers: Reply['headers'] = {}): Reply {
  return textReply(JSON.stringify(value), status, { 'content-type': 'application/json', ...headers });
}

/** A whole answer from ready text or bytes. */
export function textReply(body: string | Buffer, status: number, headers: Reply['headers']): Reply {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  return { status, headers: { ...headers, 'content-length': String(bytes.length) }, units: [bytes] };
}

/** What the error envelope holds (openai-api 1.1). */
export interface Refusal {
  readonly message: string;
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** An error in the envelope of the OpenAI surfaces, as an upstream writes it. */
export function refuse(status: number, refusal: Refusal, headers: Reply['headers'] = {}): Reply {
  const { message, type = 'invalid_request_error', param = null, code = null } = refusal;
  return jsonReply({ error: { message, type, param, code } }, status, headers);
}
