import type { Issued } from './history.ts';
import type { Plan } from './plan.ts';

/** A piece of an answer that goes out at once. */
export interface Part {
  readonly bytes: Buffer;
  /** With it the answer is the client's. */
  readonly commits: boolean;
}

/** What one answer is made of behind its head. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly isStream: boolean;
  /** Whoever gets it may take the account to be out of quota. */
  readonly exhausts: boolean;
  /** A whole body has one part. */
  readonly parts: readonly Part[];
  readonly issued: Issued;
}

type Loose = Readonly<Record<string, unknown>>;

/** How an answer travels. */
export type Form = 'json' | 'events' | 'frames';

const HELD = new Set(['response.created', 'response.metadata', 'response.in_progress', 'response.output_item.added']);
const PAD = '.'.repeat(120);

/** The answers of one account. Every id in them has its nonce, so that no two accounts tell the same one by accident. */
export class Answers {
  readonly #nonce: string;
  #count = 0;

  constructor(nonce: string) {
    this.#nonce = nonce;
  }

  /** An answer of `POST /v1/responses`, or of a turn on a socket; one that only warms up says nothing. */
  response(plan: Plan, form: Form, isStored: boolean, isWarmUp: boolean): Answer {
    const n = ++this.#count;
    const says = isWarmUp ? { ...plan.says, calls: 0, encrypted: false } : plan.says;
    const id = plan.stolenId === null || this.made(plan.stolenId) ? `resp_${this.#nonce}_${n}` : plan.stolenId;
    const issued: Issued = {
      responseId: isStored ? id : null,
      turnState: says.turnState ? `state_${this.#nonce}_${n}` : null,
      calls: Array.from({ length: says.calls }, (_, i) => `call_${this.#nonce}_${n}_${i}`),
      encrypted: says.encrypted ? `sealed_${this.#nonce}_${n}_${PAD}` : null,
    };
    const output: Loose[] = [
      ...(issued.encrypted === null ? [] : [{ type: 'reasoning', id: `rs_${n}`, summary: [], encrypted_content: issued.encrypted }]),
      ...issued.calls.map((call) => ({ type: 'function_call', id: `fc_${call}`, call_id: call, name: 'shell', arguments: '{}' })),
      ...(isWarmUp ? [] : [{ type: 'message', id: `msg_${n}`, role: 'assistant', content: [{ type: 'output_text', text: `answer ${n}` }] }]),
    ];
    const whole = { id, object: 'response', status: 'completed', model: 'm', output, usage: { input_tokens: 3, output_tokens: 5 } };
    const state: Readonly<Record<string, string>> = issued.turnState === null ? {} : { 'x-codex-turn-state': issued.turnState };
    if (form === 'json') return { ...json(200, whole, state), issued };
    const begun = { ...whole, status: 'in_progress', output: [], usage: null };
    const code = plan.failures.shift();
    const events: Loose[] = [{ type: 'response.created', response: begun }];
    // On a socket there is no head that could tell it.
    if (form === 'frames' && issued.turnState !== null) events.push({ type: 'response.metadata', headers: state });
    if (code !== undefined) events.push({ type: 'response.failed', response: { ...begun, status: 'failed', error: { code, message: 'It failed.' } } });
    else {
      events.push({ type: 'response.in_progress', response: begun });
      if (!isWarmUp) {
        events.push({ type: 'response.output_item.added', output_index: 0, item: { type: 'message' } });
        for (const delta of deltasOf(plan, n)) events.push({ type: 'response.output_text.delta', item_id: `msg_${n}`, delta });
      }
      for (const [i, item] of output.entries()) events.push({ type: 'response.output_item.done', output_index: i, item });
      events.push({ type: 'response.completed', response: whole });
    }
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream', ...state },
      isStream: true,
      exhausts: code !== undefined,
      parts: events.map((event) => ({
        bytes: Buffer.from(form === 'frames' ? JSON.stringify(event) : `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`),
        commits: !HELD.has(String(event['type'])) && event['type'] !== 'response.failed',
      })),
      issued: code === undefined ? issued : nothing(),
    };
  }

  chat(plan: Plan, isStream: boolean): Answer {
    const n = ++this.#count;
    const id = `chatcmpl_${this.#nonce}_${n}`;
    if (!isStream) return json(200, { id, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: `answer ${n}` } }] });
    const chunks = deltasOf(plan, n).map((content) => ({ id, choices: [{ index: 0, delta: { content } }] }));
    const lines = [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]'];
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      isStream: true,
      exhausts: false,
      parts: lines.map((line) => ({ bytes: Buffer.from(`data: ${line}\n\n`), commits: true })),
      issued: nothing(),
    };
  }

  compact(): Answer {
    const n = ++this.#count;
    const issued = { ...nothing(), encrypted: `sealed_${this.#nonce}_${n}_${PAD}` };
    const output = [{ type: 'compaction', id: `cmp_${n}`, encrypted_content: issued.encrypted }];
    return { ...json(200, { id: `cmpresp_${this.#nonce}_${n}`, object: 'response.compaction', output }), issued };
  }

  /** Whether this account has made an id or sealed an item. */
  made(id: string): boolean {
    return id.includes(`_${this.#nonce}_`);
  }
}

function deltasOf({ deltas, padding }: Plan, n: number): string[] {
  return Array.from({ length: deltas }, (_, i) => `word ${n}.${i} ${i === 0 ? '' : '.'.repeat(padding)}`);
}

function nothing(): Issued {
  return { responseId: null, turnState: null, calls: [], encrypted: null };
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const bytes = Buffer.from(JSON.stringify(body));
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': String(bytes.length), ...headers },
    isStream: false,
    exhausts: status === 429,
    parts: [{ bytes, commits: status < 400 }],
    issued: nothing(),
  };
}

/** The same as the one frame that ends a turn on a socket. There a frame comes whole or not at all. */
export function asFrame({ status, parts, ...rest }: Answer): Answer {
  const { error } = JSON.parse(parts[0]!.bytes.toString()) as { error: unknown };
  return { ...rest, status, isStream: true, parts: [{ bytes: Buffer.from(JSON.stringify({ type: 'error', status, error })), commits: false }] };
}

/** A refusal in the envelope of OpenAI. */
export function refusal(status: number, code: string | null, more: Loose = {}): Answer {
  return json(status, { error: { message: `Refused: ${code ?? status}.`, type: code ?? 'server_error', param: null, code, ...more } });
}
