import type { IncomingMessage, ServerResponse } from 'node:http';
import { SwitchyardError } from '@switchyard/contracts';
import type { Account, Snapshot } from '../choice/account.ts';
import { modelFor, poolFor } from '../choice/pool.ts';
import type { AccountTable } from '../choice/pool.ts';
import { sendJson } from '../edge/answer.ts';
import type { KeyRecord } from '../edge/key-table.ts';
import type { Match } from '../routes.ts';
import type { Readiness } from './readiness.ts';
import { accountOf, accountsCheck } from './wham-answers.ts';

const OK = Buffer.from('{"status":"ok"}');
const OK_HEAD = ['content-type', 'application/json; charset=utf-8', 'content-length', String(OK.length), 'cache-control', 'no-store'];

// Only codex sends this, and it takes nothing but a catalogue in its own form (codex-protocol 4). An empty one leaves it with the
// catalogue that it brings along; the OpenAI list would be an error on its user's screen.
const CODEX_ASKS = /[?&]client_version=/;

/**
 * The answers of the data plane that no account gives: health, models, and where to look.
 * @param docsPath  Where this address describes its API; null when another one does.
 * @param usage     The quota of a key, for an account that its client takes itself for.
 */
export function ownAnswers(
  snapshot: () => AccountTable,
  readiness: () => Readiness,
  docsPath: string | null,
  usage: (key: KeyRecord, accountId: string) => object,
) {
  const seeDocs = docsPath === null ? '' : ` ${docsPath} describes the API.`;
  const root = { message: `This is Switchyard. The base URL of clients is this address with /v1 behind it.${seeDocs}`, api: '/v1', docs: docsPath };
  return (match: Match, key: KeyRecord | null, request: IncomingMessage, response: ServerResponse): void => {
    switch (match.surface.name) {
      case 'root':
        sendJson(response, 200, root);
        return;
      case 'healthz':
      case 'livez':
        response.writeHead(200, OK_HEAD);
        response.end(OK);
        return;
      case 'readyz': {
        const answer = readiness();
        sendJson(response, answer.status === 'ready' ? 200 : 503, answer);
        return;
      }
      case 'wham.accounts_check':
        sendJson(response, 200, accountsCheck(accountOf(request)));
        return;
      case 'wham.usage':
        sendJson(response, 200, usage(key!, accountOf(request)));
        return;
      case 'wham.reset_credits':
      case 'wham.settings':
        sendJson(response, 200, {});
        return;
      case 'wham.profile':
        // The figures are optional, what holds them is not.
        sendJson(response, 200, { stats: {} });
        return;
      case 'models.list':
      case 'codex.models':
        if (CODEX_ASKS.test(match.query)) {
          sendJson(response, 200, { models: [] });
          return;
        }
        sendJson(response, 200, { object: 'list', data: modelsFor(snapshot(), key) });
        return;
      case 'models.get': {
        const model = modelsFor(snapshot(), key).find((candidate) => candidate.id === match.id);
        if (model === undefined)
          throw new SwitchyardError('model_not_found', `The model \`${match.id}\` does not exist or this key may not use it.`, { param: 'model' });
        sendJson(response, 200, model);
        return;
      }
      default:
        throw new Error(`no answer of our own for ${match.surface.name}`);
    }
  };
}

/** A model as `GET /v1/models` lists it (openai-api section 4). */
export interface ModelObject {
  readonly id: string;
  readonly object: 'model';
  /** Unix seconds. */
  readonly created: number;
  readonly owned_by: string;
}

/** What a key may ask for: the models of its pool and of those that stand in for it, and the names that stand for one of them. */
function modelsFor(table: AccountTable, key: KeyRecord | null): ModelObject[] {
  const pool = poolFor(table, key ?? ANYONE);
  const members = [pool, ...(pool.fallback ?? [])].map((each) => each.members);
  const names = new Set([...members.flatMap(({ byModel, limited }) => [...byModel.keys(), ...(limited?.keys() ?? [])]), ...(table.aliases?.keys() ?? [])]);
  const models: ModelObject[] = [];
  for (const id of names) {
    const model = modelFor(table, id);
    if (key?.models && !key.models.has(id) && !key.models.has(model)) continue;
    const account = members.flatMap((each) => whoHas(each, model)).find((candidate) => mayUse(key, candidate));
    if (account !== undefined) models.push({ id, object: 'model', created: Math.floor(account.createdAtMs / 1_000), owned_by: account.kind });
  }
  return models.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The accounts that have a model, also when none of them has quota for it now. */
function whoHas({ byModel, limited, accounts }: Snapshot, model: string): readonly Account[] {
  return byModel.get(model) ?? (limited?.has(model) ? accounts.filter(({ models }) => models.includes(model)) : []);
}

const ANYONE = { pool: null };

function mayUse(key: KeyRecord | null, account: Account): boolean {
  return key === null || key.accounts === null || key.accounts.has(account.id);
}
