import type { IncomingMessage, ServerResponse } from 'node:http';
import { SwitchyardError, newId } from '@switchyard/contracts';
import type { FaultCode } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { Gate } from './admission/gate.ts';
import type { AttemptParts } from './attempt/attempt-parts.ts';
import { noteUnserved } from './attempt/note-unserved.ts';
import { runAttempts } from './attempt/run-attempts.ts';
import { resolveOwner } from './bindings/resolve-owner.ts';
import type { OwnerParts } from './bindings/resolve-owner.ts';
import type { Account } from './choice/account.ts';
import { limitedUntil, modelFor, poolFor, serves } from './choice/pool.ts';
import type { AccountTable, Pool } from './choice/pool.ts';
import { Unserved } from './choice/unserved.ts';
import { closeBeforeLongRest, sendRefusal } from './edge/answer.ts';
import type { KeyRecord, KeyTable } from './edge/key-table.ts';
import { bearerToken, readHead, refuseCredentialInQuery } from './edge/read-head.ts';
import type { RequestHead } from './edge/read-head.ts';
import { upgradeRefusal } from './edge/upgrade.ts';
import type { SocketGate } from './edge/upgrade.ts';
import { openExchange } from './exchange.ts';
import type { Exchange, Taken } from './exchange.ts';
import type { BodyLimits } from './intake/read-body.ts';
import { readFacts } from './intake/read-facts.ts';
import type { RequestFacts } from './intake/read-facts.ts';
import type { CatchUp } from './open-catch-up.ts';
import { relayAnswer } from './relay/relay-answer.ts';
import type { RelayParts } from './relay/relay-answer.ts';
import { matchRoute } from './routes.ts';
import type { Match } from './routes.ts';
import type { Settler } from './settle/settler.ts';

/** What the pipeline is made of. Everything that changes is asked for, never copied. */
export interface PipelineParts {
  readonly keys: KeyTable;
  readonly snapshot: () => AccountTable;
  /** Whether to look into what a request carries for whose it is: with one account, usable or not, it could be nobody else's. */
  readonly readsItems: () => boolean;
  /** Reads the accounts anew when others have changed them unheard. */
  readonly catchUp: CatchUp;
  readonly gate: Gate;
  readonly bodyLimits: BodyLimits;
  readonly owners: OwnerParts;
  readonly attempts: AttemptParts;
  readonly relay: RelayParts;
  readonly settler: Settler;
  readonly sockets: SocketGate;
  /** Answers of our own on the data plane: models and health. */
  readonly answerOurselves: (match: Match, key: KeyRecord | null, request: IncomingMessage, response: ServerResponse) => void;
  /** Says what a browser of another origin may do. @returns true when that was the whole answer (a preflight) */
  readonly cors: (origin: string, request: IncomingMessage, response: ServerResponse) => boolean;
  /** Where a request really comes from. */
  readonly clientAddress: (request: IncomingMessage, head: RequestHead) => string | null;
  readonly protectModels: boolean;
  /** True once the server has begun to stop. */
  readonly isStopping: () => boolean;
  readonly wallClockMs: () => number;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/**
 * The life of a request: edge → an active place → intake → a place of its lane → choice and attempt → relay → settle. One direction; every
 * stage may refuse, and a refusal is a row of the fault table.
 * @see product section 2
 */
export function serve(request: IncomingMessage, response: ServerResponse, parts: PipelineParts): void {
  const startedAtMs = parts.wallClockMs();
  const id = newId('request', startedAtMs);
  let match: Match;
  let head: RequestHead;
  let key: KeyRecord | SwitchyardError | null;
  try {
    head = readHead(request);
    if (head.origin !== null && parts.cors(head.origin, request, response)) return;
    match = route(request, response);
    refuseCredentialInQuery(match.query);
    key = authenticate(head, match, parts);
    if (key instanceof SwitchyardError) return refuseAtEdge(response, key, id, parts);
    refuseWhileStopping(match, parts);
    if (match.surface.by === 'socket') return refuseSocket(request, response, head, key!, id, parts);
    if (match.surface.by === 'gateway') {
      response.setHeader('x-request-id', id);
      closeBeforeLongRest(response);
      parts.answerOurselves(match, key, request, response);
      parts.settler.answeredOurselves(match.surface.name);
      return;
    }
  } catch (error) {
    return refuseAtEdge(response, asRefusal(error, id, parts.log), id, parts);
  }
  const exchange = openExchange({
    id,
    request,
    response,
    match,
    head,
    key: key!,
    clientAddress: parts.clientAddress(request, head),
    startedAtMs,
    startedMs: parts.nowMs(),
  });
  parts.settler.open(exchange);
  void pass(exchange, parts);
}

/** Refusals for want of an account. They are founded on the accounts as they are known here. */
const FOR_WANT: ReadonlySet<FaultCode> = new Set(['quota_exhausted', 'no_account_available', 'model_not_found', 'owner_unavailable']);

/**
 * Whether a request that is being refused is to be tried once more, because the accounts are not those any more that it was tried with (fault
 * row C08).
 */
export function isWorthAnother(refusal: SwitchyardError, table: AccountTable | null, parts: PipelineParts): boolean | Promise<boolean> {
  if (table === null || !FOR_WANT.has(refusal.code)) return false;
  return parts.snapshot() !== table || parts.catchUp();
}

/** Takes an exchange through the stages to the relay, which goes on by itself. Never rejects. */
async function pass(exchange: Exchange, parts: PipelineParts): Promise<void> {
  const { request, response, match, head } = exchange;
  let facts: RequestFacts | null = null;
  for (let isLast = false; ; isLast = true) {
    let table: AccountTable | null = null;
    try {
      if (facts === null) {
        const full = parts.gate.enter(exchange);
        if (full !== null) return refuse(exchange, full, parts.log);
        facts = await readFacts(request, response, match.surface, head, parts.bodyLimits, parts.readsItems());
        if (facts === null || !parts.settler.takeFacts(exchange, facts)) return;
      }
      table = parts.snapshot();
      const all = poolFor(table, exchange.key);
      const isResponses = match.surface.watch === 'responses';
      const pool = isResponses ? all : (all.plain ?? all);
      if (facts.model !== null) takeModel(exchange, facts.model, table, pool, parts, all);
      else refuseUnnamedModel(exchange);
      const found = resolveOwner(exchange, isResponses ? table : (table.plain ?? table), parts.owners);
      const owner = found instanceof Promise ? await found : found;
      if (exchange.openAt === -1) return; // the client left meanwhile
      const shut = exchange.place === 'lane' ? null : parts.gate.admit(exchange, owner);
      if (shut !== null) {
        const refusal = shut instanceof Promise ? await shut : shut;
        if (exchange.openAt === -1) return;
        if (refusal !== null) return refuse(exchange, refusal, parts.log);
      }
      const committed = await runAttempts(exchange, pool, owner, parts.attempts);
      if (committed === null) return;
      parts.settler.letGoIfOver(exchange);
      parts.settler.dropBody(exchange);
      return relayAnswer(exchange, committed, parts.relay);
    } catch (error) {
      const refusal = asRefusal(error, exchange.id, parts.log);
      const again = isLast ? false : isWorthAnother(refusal, table, parts);
      if (again === false || !(await again)) {
        if (table !== null) noteUnserved(exchange, refusal, table, parts.attempts.live);
        return refuse(exchange, refusal, parts.log);
      }
      if (exchange.openAt === -1) return;
    }
  }
}

function route(request: IncomingMessage, response: ServerResponse): Match {
  const found = matchRoute(request.method!, request.url!);
  if ('surface' in found) return found;
  if ('allow' in found) {
    response.setHeader('allow', found.allow);
    throw new SwitchyardError('method_not_allowed', `This path does not take ${request.method}; it takes ${found.allow}.`);
  }
  if (found.unroutable === 'bad_path')
    throw new SwitchyardError('bad_framing', 'The path has a spelling that two readers could take differently; send it plain.');
  throw new SwitchyardError('route_not_found', 'There is nothing at this path. The base URL of clients is this address with `/v1` behind it.');
}

const NO_KEY = new SwitchyardError(
  'invalid_api_key',
  'No API key was sent. Send `Authorization: Bearer KEY`; `switchyard keys create --name NAME` makes a key.',
);
const UNKNOWN_KEY = new SwitchyardError(
  'invalid_api_key',
  'This API key is unknown or has been revoked. Make another with `switchyard keys create --name NAME`.',
);

/** @returns the refusal instead of throwing it: wrong keys come in floods, and a throw is a tenth of what one costs */
function authenticate(head: RequestHead, match: Match, parts: PipelineParts): KeyRecord | SwitchyardError | null {
  const { auth } = match.surface;
  if (auth === 'none') return null;
  const presented = bearerToken(head.authorization);
  const key = presented === null ? undefined : parts.keys.find(presented);
  if (key !== undefined) return key;
  if (auth === 'key_unless_open' && !parts.protectModels && head.authorization === null) return null;
  return presented === null ? NO_KEY : UNKNOWN_KEY;
}

function refuseWhileStopping(match: Match, parts: PipelineParts): void {
  if (match.surface.by !== 'gateway' && parts.isStopping()) throw new SwitchyardError('shutting_down', 'The server is stopping.');
}

/**
 * Finds the model that a name stands for. A key that is held to models may use those names and what they stand for.
 * @param all  The pool with those accounts, too, that do not serve this surface.
 * @throws SwitchyardError `model_not_found`, `no_account_available` when whoever serves it needs a new login, `quota_exhausted` when it has none left for that model
 */
export function takeModel(
  exchange: Taken,
  asked: string,
  table: AccountTable,
  pool: Pool,
  { nowMs, wallClockMs }: Pick<PipelineParts, 'nowMs' | 'wallClockMs'>,
  all = pool,
): void {
  const { key } = exchange;
  const model = modelFor(table, asked);
  exchange.model = model;
  if (key.models !== null && !key.models.has(asked) && !key.models.has(model)) throw notServed(asked, 'model_not_for_key');
  if (serves(pool, model)) return;
  const isOff = ({ id, models }: Pick<Account, 'id' | 'models'>): boolean => models.includes(model) && (key.accounts === null || key.accounts.has(id));
  for (const { members } of [pool, ...(pool.fallback ?? [])]) {
    const off = members.off.find(isOff);
    if (off === undefined) continue;
    const message = 'The account that serves this model needs a new login; `switchyard accounts list` says which it is.';
    throw new Unserved('no_account_available', 'needs_login', message, { account: off.name });
  }
  const limitedUntilMs = limitedUntil(pool, model);
  if (limitedUntilMs !== null) {
    const retryAfterMs = Math.max(1, Math.ceil(limitedUntilMs - nowMs()));
    const backAtMs = wallClockMs() + retryAfterMs;
    const resetsAtS = Math.ceil(backAtMs / 1_000);
    const message = `Every account that serves \`${asked}\` has used up its quota for that model.`;
    throw new Unserved('quota_exhausted', 'model_out_of_quota', message, { retryAfterMs, resetsAtS, backAtMs });
  }
  if (!serves(all, model)) throw notServed(asked, 'model_not_served');
  const message = `The model \`${asked}\` is served by ChatGPT logins, and so only on /v1/responses.`;
  throw new Unserved('model_not_found', 'model_for_responses_only', message, { param: 'model' });
}

/** What is not there, and what a key may not use, look the same. */
function notServed(asked: string, reason: 'model_not_for_key' | 'model_not_served'): Unserved {
  return new Unserved('model_not_found', reason, `The model \`${asked}\` does not exist or this key may not use it.`, { param: 'model' });
}

/** A key that is held to models may not reach, without naming one, whatever else an account can do. */
function refuseUnnamedModel({ key, match }: Exchange): void {
  if (key.models === null || match.surface.body !== 'any') return;
  const message = 'This key is held to certain models, and on this path no model could be read from the request.';
  throw new Unserved('model_not_found', 'model_not_named', message, { param: 'model' });
}

/** A request for a WebSocket that comes here gets none: those that do are upgraded before. */
function refuseSocket(request: IncomingMessage, response: ServerResponse, head: RequestHead, key: KeyRecord, id: string, parts: PipelineParts): void {
  const refusal =
    upgradeRefusal(request, head, key, parts.sockets) ?? new SwitchyardError('upgrade_required', 'An upgrade waits for no answer in front of it.');
  if (refusal.code === 'upgrade_required') {
    response.setHeader('upgrade', 'websocket');
    response.setHeader('sec-websocket-version', '13');
  }
  refuseAtEdge(response, refusal, id, parts);
}

/** What a request that asks for a WebSocket is to be upgraded with; null when it is to be answered like any other. */
export function upgradeOf(
  request: IncomingMessage,
  parts: PipelineParts,
): { readonly match: Match; readonly head: RequestHead; readonly key: KeyRecord } | null {
  const match = matchRoute(request.method!, request.url!);
  if (!('surface' in match) || match.surface.by !== 'socket') return null;
  try {
    const head = readHead(request);
    refuseCredentialInQuery(match.query);
    const key = authenticate(head, match, parts);
    if (key === null || key instanceof SwitchyardError || parts.isStopping() || upgradeRefusal(request, head, key, parts.sockets) !== null) return null;
    return { match, head, key };
  } catch (error) {
    if (error instanceof SwitchyardError) return null;
    throw error;
  }
}

function refuseAtEdge(response: ServerResponse, refusal: SwitchyardError, id: string, parts: PipelineParts): void {
  parts.settler.refusedAtEdge();
  sendRefusal(response, refusal, id);
}

/** What is no refusal is a fault of ours, which is logged here. */
export function asRefusal(error: unknown, id: string, log: Logger): SwitchyardError {
  if (error instanceof SwitchyardError) return error;
  log.error('request_failed', 'A request ended in a fault of ours', { request_id: id, error });
  return new SwitchyardError('internal_error', 'Switchyard failed to handle this request.', { cause: error });
}

function refuse(exchange: Exchange, refusal: SwitchyardError, log: Logger): void {
  exchange.fault = refusal.code;
  exchange.outcome = 'refused';
  // One line per request would flood the log exactly when an upstream is down; the accounts' back-offs are logged instead.
  log.debug('request_refused', refusal.message, { request_id: exchange.id, key_id: exchange.key.id, code: refusal.code });
  if (exchange.response.destroyed) return;
  if (exchange.response.headersSent) {
    exchange.response.destroy();
    return;
  }
  exchange.status = refusal.fault.status;
  sendRefusal(exchange.response, refusal, exchange.id);
}
