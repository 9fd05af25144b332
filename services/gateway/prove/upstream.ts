import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { Answers, asFrame, json, refusal } from './answers.ts';
import type { Answer, Form } from './answers.ts';
import type { AttemptTrace } from './history.ts';
import type { Plan } from './plan.ts';
import { Playing } from './playing.ts';
import type { Outlet } from './playing.ts';

/** How long an account that is out of quota says that it is. */
export const QUOTA_S = 300;

/** What an account does with all requests, and the answers that it then gives. */
const REFUSALS = {
  quota: () => refusal(429, 'usage_limit_reached', { resets_in_seconds: QUOTA_S }),
  overload: () => refusal(503, 'server_is_overloaded'),
  server_error: () => refusal(500, null),
  credential: () => refusal(401, 'invalid_api_key'),
  rate_limit: () => refusal(429, 'rate_limit_exceeded'),
  plain_429: () => refusal(429, null),
} as const satisfies Readonly<Record<string, () => Answer>>;

export type Mode = 'ok' | keyof typeof REFUSALS;
export const FAILING_MODES = Object.keys(REFUSALS) as readonly Exclude<Mode, 'ok'>[];

/** Where an upstream tells what it sees. */
export interface Watcher {
  /** What is to be done with a request; undefined for one that is none of this case. */
  planOf(no: number): Plan | undefined;
  arrived(attempt: Omit<AttemptTrace, 'arrivedAt' | 'arrivedMs'>): AttemptTrace;
  /** The place of something that has just happened. */
  place(): number;
  changed(): void;
  /** An attempt is over, one way or the other. */
  ended(attempt: AttemptTrace): void;
  /** An account says that it is out of quota, or what may be taken for that. */
  exhausted(account: number): void;
}

interface Body {
  readonly previous_response_id?: unknown;
  readonly input?: unknown;
  readonly stream?: boolean;
  readonly store?: boolean;
  readonly generate?: boolean;
  readonly metadata?: { readonly proof?: string };
}

/**
 * An account's upstream: real sockets, answers of its own nonce, and each part of an answer held until the case lets it go. It refuses what
 * another one made, so that a request at the wrong account shows, and keeps what it got and what it said without trusting anybody's log.
 */
export class Upstream {
  readonly number: number;
  readonly answers: Answers;
  readonly #watcher: Watcher;
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  readonly #connections = new Set<Socket>();
  readonly #playing = new Map<number, Set<Playing>>();
  readonly #denied = new Map<string, number>();
  mode: Mode = 'ok';
  /** As the gateways know it; an account that is removed and added again has another name. */
  name = '';
  port = 0;
  #isAlive = false;

  constructor(number: number, nonce: string, watcher: Watcher) {
    this.number = number;
    this.answers = new Answers(nonce);
    this.#watcher = watcher;
    this.#server = createServer((request, response) => this.#take(request, response));
    // A connection that is closed for being idle just when it is used again would be a failure that nobody had asked for.
    this.#server.keepAliveTimeout = 0;
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.on('error', () => {}).once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('upgrade', (request, socket, head) => this.#webSockets.handleUpgrade(request, socket, head, (ws) => this.#serveTurns(ws, request.socket)));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Requests that are being answered. */
  get open(): number {
    let open = 0;
    for (const each of this.#playing.values()) open += each.size;
    return open;
  }

  /** Listens, on the port of before if there was one. */
  async start(): Promise<void> {
    // Below the range from which the machine takes ports for outgoing connections: else one of those may sit on ours meanwhile.
    for (let tries = 0; !this.#isAlive; tries++) {
      const port = this.port === 0 ? 10_240 + Math.floor(Math.random() * 20_000) : this.port;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const failed = (): void => resolve(false);
      this.#server.once('error', failed);
      this.#server.listen(port, '127.0.0.1', () => resolve(true));
      this.#isAlive = await promise;
      this.#server.off('error', failed);
      if (this.#isAlive) this.port = port;
      else if (tries > 100) throw new Error(`no port could be had for an upstream; the last that was tried is ${port}`);
    }
  }

  /** Refuses connections from now on, and breaks off all that there are. */
  async die(): Promise<void> {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    // What has been said goes out first: it is still in the hands of this process.
    await new Promise(setImmediate);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  /** Says so many times that it does not know this id, as after an outage of its own. */
  deny(id: string, times: number): void {
    this.#denied.set(id, times);
  }

  /** Goes on with a request as far as its plan allows now. */
  advance(no: number): void {
    for (const each of this.#playing.get(no) ?? []) each.advance();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    response.on('error', () => {});
    request
      .on('error', () => {})
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .once('end', () => this.#serve(request, chunks, response));
  }

  #serve(request: IncomingMessage, chunks: readonly Buffer[], response: ServerResponse): void {
    const no = Number(request.headers['x-openai-proof']);
    const plan = this.#watcher.planOf(no);
    if (plan === undefined || response.destroyed) {
      response.destroy();
      return;
    }
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Body);
    const playing = this.#play(no, plan, this.#answer(request.method!, request.url!, body, plan), {
      begin({ status, headers, isStream }) {
        response.writeHead(status, headers);
        if (isStream) response.flushHeaders();
      },
      write: (part) => void response.write(part),
      end: () => void response.end(),
      breakOff(how) {
        if (how === 'reset') response.socket?.resetAndDestroy();
        else response.socket?.destroySoon();
      },
    });
    response.once('close', () => playing.closed(response.writableFinished));
    playing.advance();
  }

  /** Turns on a WebSocket, one after the other. */
  #serveTurns(ws: WebSocket, wire: Socket): void {
    let running: Playing | null = null;
    ws.on('error', () => {});
    ws.on('message', (data: Buffer) => {
      const body = JSON.parse(data.toString()) as Body;
      const no = Number(body.metadata?.proof);
      const plan = this.#watcher.planOf(no);
      if (plan === undefined) return ws.terminate();
      const answer = this.#answer('POST', 'turn', body, plan);
      let unsent = 0;
      const sent = (error?: Error): void => {
        if (error == null && --unsent === 0 && playing.trace.isWhole) playing.closed(true);
      };
      const playing = this.#play(no, plan, answer.isStream ? answer : asFrame(answer), {
        begin: () => {},
        write(part) {
          unsent++;
          ws.send(part, { binary: false }, sent);
        },
        // Over when its last frame has left, like an answer over HTTP.
        end: () => {},
        breakOff(how) {
          if (how === 'reset') wire.resetAndDestroy();
          else ws.close(1011);
        },
      });
      running = playing;
      playing.advance();
    });
    ws.once('close', () => running?.closed(false));
  }

  #play(no: number, plan: Plan, answer: Answer, outlet: Outlet): Playing {
    const all = this.#playing.get(no) ?? new Set();
    const trace = this.#watcher.arrived({
      no,
      account: this.number,
      accountName: this.name,
      status: null,
      sent: [],
      sentBytes: 0,
      committedAt: null,
      isWhole: false,
      end: null,
      endAt: null,
      isWaiting: false,
      issued: answer.issued,
    });
    const playing: Playing = new Playing(trace, plan, answer, outlet, {
      place: () => this.#watcher.place(),
      changed: () => this.#watcher.changed(),
      exhausted: () => this.#watcher.exhausted(this.number),
      ended: () => {
        all.delete(playing);
        if (all.size === 0) this.#playing.delete(no);
        this.#watcher.ended(trace);
      },
    });
    this.#playing.set(no, all.add(playing));
    return playing;
  }

  #answer(method: string, url: string, body: Body, plan: Plan): Answer {
    if (this.mode !== 'ok') return REFUSALS[this.mode]();
    if (url.startsWith('/v1/responses/resp_')) return this.#knows(url.split('/')[3]!) ? json(200, { method, url }) : refusal(404, 'not_found');
    const previous = body.previous_response_id;
    if (typeof previous === 'string' && !this.#knows(previous)) return refusal(400, 'previous_response_not_found');
    const items = Array.isArray(body.input) ? (body.input as { encrypted_content?: string }[]) : [];
    if (items.some(({ encrypted_content: sealed }) => sealed !== undefined && !this.answers.made(sealed))) return refusal(400, 'invalid_encrypted_content');
    if (url.startsWith('/v1/chat/')) return this.answers.chat(plan, body.stream === true);
    if (url === '/v1/responses/compact') return this.answers.compact();
    const form: Form = url === 'turn' ? 'frames' : body.stream === true ? 'events' : 'json';
    return this.answers.response(plan, form, body.store !== false || form === 'frames', body.generate === false);
  }

  #knows(id: string): boolean {
    const denials = this.#denied.get(id) ?? 0;
    if (denials === 0) return this.answers.made(id);
    this.#denied.set(id, denials - 1);
    return false;
  }
}
