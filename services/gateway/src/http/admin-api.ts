import { OpenAPIHono } from '@hono/zod-openapi';
import { GATEWAY_API } from '@switchyard/contracts/api';
import type { GatewayAnswer } from '@switchyard/contracts/api';
import { SwitchyardError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/observability';
import type { Pool } from 'pg';
import { draftOf } from '../accounts/account-draft.ts';
import type { AccountRegistry } from '../accounts/account-registry.ts';
import type { Bindings } from '../bindings/bindings.ts';
import type { KindLimits } from '../bindings/kinds.ts';
import type { OwnerParts } from '../bindings/resolve-owner.ts';
import { LANE_COUNT } from '../choice/lanes.ts';
import type { LiveFigures } from '../choice/live-figures.ts';
import { listDecisions, recentDecisions } from '../store/decisions.ts';
import { findDecision, findRequest, listRequests } from '../store/requests.ts';
import { addAccount, removeAccount, showAccounts, testAccount } from '../use/accounts.ts';
import type { AccountView } from '../use/accounts.ts';
import type { Control } from '../use/control.ts';
import type { Report } from '../use/doctor/finding.ts';
import { earnedOver } from '../use/earned-over.ts';
import { explainChoice, replayDecision } from '../use/explain.ts';
import { createKey, endKey, findKey, showKeys } from '../use/keys.ts';
import { findBelonging } from '../use/find-belonging.ts';
import { forecastPools } from '../use/forecast-pools.ts';
import { liftQuota } from '../use/lift-quota.ts';
import { limitedModels, quotaView } from '../use/quota.ts';
import { forgetSessionBindings, showSessionBindings } from '../use/session-bindings.ts';
import type { SoughtId } from '../use/session-bindings.ts';

export interface AdminApiParts {
  readonly control: Control;
  readonly pool: Pool;
  readonly registry: AccountRegistry;
  readonly live: LiveFigures;
  readonly nowMs: () => number;
  readonly bindings: Pick<Bindings, 'take'>;
  readonly owners: OwnerParts;
  /** Of bindings. */
  readonly limits: KindLimits;
  readonly wallClockMs: () => number;
  readonly doctor: () => Promise<Report>;
  readonly log: Logger;
}

/** The gateway's part of our own API. Who may call it is decided before it is reached. */
export function adminApi(parts: AdminApiParts): OpenAPIHono {
  const { control, pool, nowMs } = parts;
  const api = new OpenAPIHono({
    defaultHook(result) {
      if (result.success) return;
      const issue = result.error.issues[0]!;
      const param = [...issue.path, ...(issue.code === 'unrecognized_keys' ? [issue.keys[0]!] : [])].join('.') || 'body';
      throw new SwitchyardError(
        'invalid_value',
        issue.code === 'unrecognized_keys' ? `There is no field \`${param}\` here.` : `The field \`${param}\` is not right: ${issue.message}.`,
        { param },
      );
    },
  });
  api.openapi(GATEWAY_API.listAccounts, async (c) => c.json({ data: (await showAccounts(control)).map((account) => withState(account, parts)) }, 200));
  api.openapi(GATEWAY_API.addAccount, async (c) => {
    return c.json(plain(await addAccount(control, draftOf(c.req.valid('json')))), 201);
  });
  api.openapi(GATEWAY_API.removeAccount, async (c) => c.json(plain(await removeAccount(control, c.req.valid('param').id)), 200));
  api.openapi(GATEWAY_API.testAccount, async (c) => {
    const test = await testAccount(control, c.req.valid('param').id, nowMs, parts.registry.snapshot);
    // It has just taken its credential.
    const loaded = parts.registry.snapshot.byId.get(test.account.id);
    if (loaded !== undefined) parts.live.trustAnew(loaded.slot);
    return c.json({ ...plain(test), models: [...test.models] }, 200);
  });
  api.openapi(GATEWAY_API.listQuota, (c) => {
    const { registry, live, wallClockMs } = parts;
    const table = registry.snapshot;
    const nowMs = wallClockMs();
    const aheadMs = nowMs - parts.nowMs();
    const data = table.accounts.map((account) => plain(quotaView(account, live.quota, account.slot, nowMs, limitedModels(account, aheadMs))));
    return c.json({ data, pools: forecastPools(table, live, nowMs) }, 200);
  });
  api.openapi(GATEWAY_API.liftQuota, (c) => c.json(plain(liftQuota(parts, c.req.valid('param').id)), 200));
  api.openapi(GATEWAY_API.listKeys, async (c) => c.json({ data: (await showKeys(control)).map(plain) }, 200));
  api.openapi(GATEWAY_API.createKey, async (c) => {
    const { name, models, accounts, pool } = c.req.valid('json');
    return c.json(plain(await createKey(control, { name, models: models ?? null, accounts: accounts ?? null, pool: pool ?? null })), 201);
  });
  api.openapi(GATEWAY_API.revokeKey, async (c) => c.json(plain(await endKey(control, c.req.valid('param').id)), 200));
  // Rows of the log are typed as their JSON says them, with times as text.
  api.openapi(GATEWAY_API.listDecisions, async (c) => {
    const { limit, after = null, before, account = null, outcome = null } = c.req.valid('query');
    const page = await listDecisions(pool, { limit, after, before: before === undefined ? null : new Date(before), account, outcome });
    const data = page.rows as unknown as GatewayAnswer<'listDecisions'>['data'];
    return c.json({ data, has_more: page.hasMore, last_id: page.lastId }, 200);
  });
  api.openapi(GATEWAY_API.getDecision, async (c) => c.json((await findRequest(pool, c.req.valid('param').id)) as unknown as GatewayAnswer<'getDecision'>, 200));
  api.openapi(GATEWAY_API.replayDecision, async (c) => {
    const decision = await findDecision(pool, c.req.valid('param').id);
    return c.json({ data: decision === null ? [] : plain(replayDecision(decision, c.req.valid('json'))) }, 200);
  });
  api.openapi(GATEWAY_API.replayDecisions, async (c) => {
    const { limit, ...edits } = c.req.valid('json');
    return c.json(plain(earnedOver(await recentDecisions(pool, limit), edits)), 200);
  });
  api.openapi(GATEWAY_API.explainChoice, async (c) => {
    const { model = null, lane, key, previous_response_id: previousResponse = null, session = null, turn_state: turnState = null } = c.req.valid('json');
    const asked = { model, lane, key: key === undefined ? null : await findKey(control, key), continues: { previousResponse, session, turnState } };
    const table = parts.registry.snapshot;
    const belonging = await findBelonging(asked, table, parts.owners);
    return c.json(plain(explainChoice(table, parts.live, asked, belonging, parts.wallClockMs())) as GatewayAnswer<'explainChoice'>, 200);
  });
  api.openapi(GATEWAY_API.listRequests, async (c) => {
    const { limit, after } = c.req.valid('query');
    const { rows, hasMore } = await listRequests(pool, { limit, after: after ?? null });
    const data = rows as unknown as GatewayAnswer<'listRequests'>['data'];
    return c.json({ data, has_more: hasMore, last_id: data.at(-1)?.id ?? null }, 200);
  });
  const sessions = { db: control.db, pool, wallClockMs: control.wallClockMs };
  api.openapi(GATEWAY_API.listSessionBindings, async (c) => {
    const { id, session } = c.req.valid('query');
    return c.json(plain(await showSessionBindings(sessions, parts.limits, id === undefined ? null : sought(id, session))), 200);
  });
  api.openapi(GATEWAY_API.forgetSessionBindings, async (c) => {
    const { id, session } = c.req.valid('query');
    return c.json({ data: plain(await forgetSessionBindings(sessions, sought(id, session), (rows) => parts.bindings.take(rows))) }, 200);
  });
  api.openapi(GATEWAY_API.diagnose, async (c) => c.json(plain(await parts.doctor()), 200));
  return api;
}

function sought(id: string, session: string | undefined): SoughtId {
  return { id, session: session ?? null };
}

/** The same value without `readonly`, as the route types want it. */
type Plain<T> = T extends readonly (infer I)[] ? Plain<I>[] : T extends object ? { -readonly [K in keyof T]: Plain<T[K]> } : T;
function plain<T>(value: T): Plain<T> {
  return value as Plain<T>;
}

function withState(account: AccountView, { registry, live, nowMs, wallClockMs }: AdminApiParts) {
  const loaded = registry.snapshot.byId.get(account.id);
  if (loaded === undefined) {
    const state = account.login_state === 'needs_login' ? ('needs_login' as const) : ('left_out' as const);
    return { ...plain(account), state, backoff_reason: null, backoff_ms: 0, in_flight: 0, health: 0, quota: null };
  }
  const { slot } = loaded;
  let worst = 0;
  for (let lane = 1; lane < LANE_COUNT; lane++) {
    const tiers = live.tier(slot, lane) - live.tier(slot, worst);
    if (tiers > 0 || (tiers === 0 && live.backInMs(slot, lane) > live.backInMs(slot, worst))) worst = lane;
  }
  return {
    ...plain(account),
    state: loaded.models.length === 0 ? ('no_models' as const) : live.standing(slot, worst),
    backoff_reason: live.failedOf(slot, worst),
    backoff_ms: Math.max(0, live.backInMs(slot, worst)),
    in_flight: live.inFlight(slot),
    health: live.health(slot, worst),
    quota: plain(quotaView(account, live.quota, slot, wallClockMs(), limitedModels(loaded, wallClockMs() - nowMs()))),
  };
}
