import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Duplex } from 'node:stream';
import { SwitchyardError, newId } from '@switchyard/contracts';
import type { FaultBudget } from '@switchyard/contracts';
import type { AccountEntry, Config, PoolEntry } from '@switchyard/config';
import type { Database } from '@switchyard/database';
import type { Logger, Metrics } from '@switchyard/observability';
import type { Vault } from '@switchyard/security';
import type { AccountDraft } from './accounts/account-draft.ts';
import { AccountRegistry } from './accounts/account-registry.ts';
import { loginInHome } from './accounts/codex-home.ts';
import { CredentialKeeper } from './accounts/credential-keeper.ts';
import type { CredentialKeeperParts } from './accounts/credential-keeper.ts';
import { renewLogin } from './accounts/renew-login.ts';
import { UsagePolls } from './accounts/usage-polls.ts';
import { AccountPlaces } from './admission/account-places.ts';
import { Gate } from './admission/gate.ts';
import { laneLimits, usualKeyLimit, usualQueue } from './admission/lanes.ts';
import { PRESSURE_SIGNS, Pressure } from './admission/pressure.ts';
import { WaitingRoom } from './admission/waiting-room.ts';
import { Bindings } from './bindings/bindings.ts';
import type { BindResult, BindingRow } from './bindings/bindings.ts';
import { KINDS } from './bindings/kinds.ts';
import { readPages } from './bindings/read-pages.ts';
import { TurnStates } from './bindings/turn-states.ts';
import { LANE_AT } from './choice/lanes.ts';
import { LiveFigures } from './choice/live-figures.ts';
import { nextQuota } from './choice/next-quota.ts';
import { poolFor } from './choice/pool.ts';
import type { PoolRules } from './choice/pool.ts';
import { quotaFromEvent } from './choice/read-quota.ts';
import { CLOSED, STANDINGS } from './choice/standing.ts';
import { clientAddressReader } from './edge/client-address.ts';
import { corsPolicy, originPolicy } from './edge/cors.ts';
import { Holds } from './attempt/holds.ts';
import { RetryBudget } from './attempt/retry-budget.ts';
import { faultySocket } from './attempt/faulty-upstream.ts';
import { noteBroken } from './attempt/run-attempts.ts';
import type { AttemptParts } from './attempt/run-attempts.ts';
import { openUpstreamSocket } from './attempt/socket-upstream.ts';
import type { After } from './attempt/pause.ts';
import { KeyTable } from './edge/key-table.ts';
import { adminApi } from './http/admin-api.ts';
import { ownAnswers } from './http/own-answers.ts';
import { readinessOf } from './http/readiness.ts';
import { usageOf } from './http/wham-answers.ts';
import { BodyMemory } from './intake/read-body.ts';
import { openGatewayMetrics, tallies } from './metrics.ts';
import { LANES } from './routes.ts';
import type { Lane } from './routes.ts';
import { serialReload } from './serial-reload.ts';
import { Sockets } from './serve-socket.ts';
import { serve, upgradeOf } from './serve.ts';
import type { PipelineParts } from './serve.ts';
import { Journal } from './settle/journal.ts';
import { QuotaWriter } from './settle/quota-writer.ts';
import { Settler } from './settle/settler.ts';
import { GATEWAY_MIGRATIONS } from './store/migrations.ts';
import { CHANGES_CHANNEL } from './store/announce.ts';
import { bindingPages, pruneBindings } from './store/bindings.ts';
import { BINDINGS_CHANNEL, unpackNotice } from './store/binding-notices.ts';
import { closeIncident, openIncident, tidyIncidents } from './store/incidents.ts';
import { claimInstance, hasCompany } from './store/instance.ts';
import { listKeys } from './store/keys.ts';
import { QUOTA_CHANNEL, loadQuota, toldQuotas, writeQuota } from './store/quota.ts';
import { writeJournal } from './store/write-journal.ts';
import { dropOldPartitions, makePartitions } from './store/partitions.ts';
import type { DB } from './store/schema.gen.ts';
import { askModels, declareAccount } from './use/accounts.ts';
import type { Control } from './use/control.ts';
import { diagnoseRunning } from './use/doctor/diagnose-running.ts';
import { IncidentWatch } from './use/doctor/incident-watch.ts';
import { standingOf } from './use/doctor/standing-of.ts';
import type { Report } from './use/doctor/finding.ts';
import { createKey } from './use/keys.ts';
import { keepAsking, learnModels } from './use/learn-models.ts';
import type { LearnModelsOptions } from './use/learn-models.ts';
import { quotaView } from './use/quota.ts';
import { bindingLimits } from './use/session-bindings.ts';

export interface GatewayParts {
  readonly config: Config;
  readonly database: Database<DB>;
  readonly vault: Vault;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Epoch milliseconds. */
  readonly wallClockMs: () => number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Address of the built-in upstream, or null when it is switched off. */
  readonly sandboxUrl: string | null;
  /** Where the address of the data plane describes the API, or null when another address does. */
  readonly docsPath: string | null;
  /** Requests in progress at most, already worked out from the setting and the file descriptors. */
  readonly maxActive: number;
  /** 99th percentile of the delay of the event loop since the last call, in milliseconds. */
  readonly loopDelayMs: () => number;
  /** Failures to be made on purpose; null when there are to be none. */
  readonly faults: FaultBudget | null;
  /** Other waits than those that a server has, for a proof that has many cases to go through. */
  readonly timing?: Timing;
}

/** Waits of the gateway that no setting says. Read once, at the opening. */
export interface Timing {
  /** For the waits before commit: between attempts at an owner, and for the opening of a stream. */
  readonly after: After;
  /** Longest wait for the database to write a binding, or to look one up. */
  readonly bindingWaitMs: number;
  /** How often it is seen whether other processes are to be told of bindings; until then they look up what they are asked for. */
  readonly lookAroundMs: number;
}

/** The data plane and its control plane, without a listener: the server hands requests in. */
export interface Gateway extends AsyncDisposable {
  /** Serves one data-plane request to its end. Never throws. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Whether a request becomes a WebSocket; one that does not is for `handle`, which also says why. */
  readonly mayUpgrade: (request: IncomingMessage) => boolean;
  /** Serves a request that may be upgraded, from the bytes behind its head on. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly adminApi: OpenAPIHono;
  /** For changes made in this process. */
  readonly control: Control;
  /**
   * Makes the first key when there has never been one. To be called once nothing else can keep the start from succeeding: a key that was
   * made by a start that failed would be shown to nobody.
   * @returns its text, which is nowhere else, or null when there is nothing to show
   */
  makeFirstKey(): Promise<string | null>;
  /** How many requests are running. */
  readonly running: () => number;
  /**
   * Refuses new work from now on, waits for what is running, then cuts off the rest.
   * @param cutNow  Ends the waiting early.
   * @returns how many were cut off
   */
  drain(timeoutMs: number, cutNow?: AbortSignal): Promise<number>;
}

/** Bindings that one tick forgets at most; it takes less than a millisecond. */
const SWEPT_PER_TICK = 4_096;
/** Bindings that are read before the first request is served: all that the limits allow unless they were raised. */
const READY_BINDINGS = 65_536;
/** The waits of a server (product section 4). */
const TIMING: Timing = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  bindingWaitMs: 50,
  lookAroundMs: 5_000,
};
/** Clocks of two processes and of the database differ, and uses are written down once a minute. */
const GAP_MARGIN_S = 120;
/** Longest wait for an upstream to answer the upgrade to a WebSocket (product section 2). */
const SOCKET_CONNECT_MS = 15_000;
const STATUS_CLASSES = ['0', '1', '2', '3', '4', '5'] as const;
const HOUR_MS = 3_600_000;
/** How often it is looked whether something has gone wrong, and for how long that is kept. */
const WATCH_MS = 5_000;
const KEPT_INCIDENT_DAYS = 30;

/**
 * Opens the gateway on a migrated database. Disposing it writes what is left and closes every upstream connection; call `drain` first.
 */
export async function openGateway(parts: GatewayParts): Promise<Gateway> {
  const { config, database, vault, log, wallClockMs, nowMs, faults, timing = TIMING } = parts;
  await using opened = new AsyncDisposableStack();
  const metrics = openGatewayMetrics(parts.metrics);
  const instanceId = newId('instance', wallClockMs());
  const db = database.kysely;
  const pools = config.pools.map((pool) => rulesOf(pool, config['choice.strategy']));
  const live = new LiveFigures({ nowMs, wallClockMs }, config['choice.strategy'], pools);
  const keys = new KeyTable();
  const memory = new BodyMemory(config['limits.body_memory_bytes']);
  const registry = new AccountRegistry({
    db,
    vault,
    live,
    pools,
    aliases: config.aliases,
    connectTimeoutMs: config['upstream.connect_timeout_ms'],
    faults,
    log,
  });
  opened.defer(() => registry.close());

  await makePartitions(database.pool, wallClockMs(), 3);
  const limits = bindingLimits(config);
  const journal: Journal = new Journal(
    database,
    instanceId,
    metrics,
    log,
    nowMs,
    (rows) => bindings.take(rows),
    faults === null ? writeJournal : faultyWrite(faults),
  );
  const clockAheadMs = wallClockMs() - nowMs();
  const bindings = new Bindings({ store: journal, limits, maxWaitMs: timing.bindingWaitMs, nowS: () => Math.floor((nowMs() + clockAheadMs) / 1_000) });

  const turnStates = new TurnStates();
  const notRead = (error: unknown): void =>
    log.warn('bindings_not_read', 'Some of what the database holds of conversations could not be read; it is looked up when it is asked for', { error });

  for (const [accountId, record] of await loadQuota(database.pool)) live.restore(live.slotOf(accountId), record);
  const quotas = new QuotaWriter({ live, write: (records) => writeQuota(database.pool, records, journal.tellsOthers ? instanceId : null), log });
  const learnQuotas = async (accountIds: readonly string[] | null): Promise<void> => {
    for (const [accountId, record] of await loadQuota(database.pool, accountIds)) live.learn(live.slotOf(accountId), record);
  };
  const quotaNotRead = (error: unknown): void =>
    log.warn('quota_not_reread', 'What other processes learnt of quotas could not be read; it is learnt from answers', { error });
  opened.defer(() => quotas.close(2_000));

  const { after } = timing;
  const pressure = new Pressure(nowMs);
  const countWait = laneTallies((lane) => tallies(metrics.switchyard_admission_waits_total, (result) => ({ lane, result })));
  const countShed = laneTallies((lane) => tallies(metrics.switchyard_requests_shed_total, (why) => ({ lane, why })));
  const room = new WaitingRoom({
    max: config['admission.queue'] || usualQueue(parts.maxActive),
    waitMs: config['admission.wait_ms'],
    pressedWaitMs: Math.min(config['admission.wait_ms'], config['admission.pressed_wait_ms']),
    pressure,
    nowMs,
    after,
    onEnd: ({ match }, end) => countWait[match.surface.lane](end),
  });
  const lanePlaces = laneLimits(parts.maxActive, {
    responses: config['admission.responses_percent'],
    compact: config['admission.compact_percent'],
    websocket: config['admission.websocket_percent'],
    standard: config['admission.standard_percent'],
  });
  const gate = new Gate({
    maxActive: parts.maxActive,
    laneLimits: lanePlaces,
    room,
    pressure,
    onShed: (lane, why) => countShed[lane](why),
  });

  const places = new AccountPlaces({ live, room, gate, onShed: ({ match }, why) => countShed[match.surface.lane](why) });

  const reloadKeys = async (): Promise<void> => {
    keys.replace(
      (await listKeys(db, 'live')).map(({ id, name, digest, models, accounts, pool }) => ({
        id,
        name,
        digest,
        models: models && new Set(models),
        accounts: accounts && new Set(accounts),
        pool,
      })),
    );
    gate.limitKeys(config['limits.requests_per_key'] || usualKeyLimit(parts.maxActive, keys.size));
  };
  const reload = serialReload({
    async load() {
      const before = registry.known;
      const results = await Promise.allSettled([reloadKeys(), registry.load()]);
      for (const id of before) if (!registry.known.has(id)) bindings.forgetAccount(id);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
    onFailure: (error, { pauseMs }) =>
      log.error('reload_failed', 'Accounts and keys could not be read anew; it is tried again', { error, backoff_ms: pauseMs }),
  });
  opened.defer(() => reload.close());
  const connectTimeoutMs = config['upstream.connect_timeout_ms'];
  const renew: CredentialKeeperParts['renew'] = (login, tokenUrl, reason) => renewLogin(login, tokenUrl, reason, { connectTimeoutMs, wallClockMs });
  const credentials = new CredentialKeeper({
    db,
    vault,
    snapshot: () => registry.snapshot,
    logins: () => registry.logins,
    renew: faults === null ? renew : (...args) => (faults.take('refresh') ? Promise.resolve({ is: 'failed', why: ON_PURPOSE }) : renew(...args)),
    readHome: loginInHome,
    applied: reload.request,
    onResult: tallies(metrics.switchyard_login_renewals_total, (result) => ({ result })),
    wallClockMs,
    nowMs,
    log,
  });
  opened.defer(() => credentials.close());
  const usagePolls = new UsagePolls({
    snapshot: () => registry.snapshot,
    blockedAtMs: (slot) => live.quota.blockedAtMs(slot, wallClockMs()),
    observe: (slot, reading) => live.observe(slot, reading),
    recover: (account) => credentials.recover(account),
    wallClockMs,
  });
  opened.defer(() => usagePolls.close());
  const closing = new AbortController();
  const control: Control = {
    db,
    vault,
    wallClockMs,
    connectTimeoutMs: config['upstream.connect_timeout_ms'],
    closing: closing.signal,
    declaredNames: () => registry.declaredNames,
    pools: config.pools.map(({ name }) => name),
    applied: reload.request,
  };
  const declared = [...config.accounts.map(draftOfEntry), ...(parts.sandboxUrl === null ? [] : [sandboxDraft(parts.sandboxUrl)])];
  const instance = await claimInstance({
    pool: database.pool,
    instanceId,
    channels: {
      [CHANGES_CHANNEL]: () => void reload.request().catch(() => {}),
      [BINDINGS_CHANNEL]: (notice) => bindings.take(unpackNotice(notice, instanceId)),
      [QUOTA_CHANNEL]: (notice) => {
        const told = toldQuotas(notice, instanceId);
        if (told.length > 0) void learnQuotas(told).catch(quotaNotRead);
      },
    },
    onGap: (seconds) => {
      void reload.request().catch(() => {});
      void learnQuotas(null).catch(quotaNotRead);
      const pages = bindingPages(database.pool, limits, Math.floor(wallClockMs() / 1_000) - seconds - GAP_MARGIN_S);
      void readPages(pages, (rows) => bindings.take(rows), closing.signal).catch(notRead);
    },
    nowMs,
    declares: declared.map(({ name }) => name),
    log,
  });
  opened.defer(() => instance.close());
  // Ends before the claim does: a server that starts meanwhile must not take our last rows for lost.
  opened.defer(async () => {
    const lost = await journal.close(2_000);
    if (lost > 0) log.error('journal_rows_lost', 'The database did not take the last rows of the request log in time', { rows: lost });
  });

  // Only now, for what others bind from here on is heard.
  const pages = bindingPages(database.pool, limits, 0);
  const takeOlder = (rows: readonly BindingRow[]): void => bindings.takeOlder(rows);
  await readPages(pages, takeOlder, closing.signal, READY_BINDINGS);
  // The rest is read while requests are served: what is not here yet is looked up when it is asked for.
  const rest = readPages(pages, takeOlder, closing.signal).catch(notRead);
  opened.defer(() => rest);
  const lookAround = async (): Promise<void> => {
    if (database.isAvailable()) journal.tellsOthers = await hasCompany(database.pool, instanceId);
  };
  await lookAround();
  const looking = setInterval(() => void lookAround().catch(() => {}), timing.lookAroundMs);
  looking.unref();
  opened.defer(() => clearInterval(looking));

  registry.declare(new Map(declared.map((draft) => [draft.name, draft])));
  const learning: LearnModelsOptions<AccountDraft> = {
    ask: (draft) => askModels(control, draft),
    store: (draft, models) => declareAccount(control, draft, draft.kind === 'sandbox' ? 'builtin' : 'file', models),
    applied: control.applied,
    log,
  };
  opened.defer(() => closing.abort());
  const unknown = await learnModels(declared, learning);
  if (unknown.length > 0) opened.defer(keepAsking(unknown, learning));
  await reload.request();

  let stopping = false;
  const countAnswer = tallies(metrics.switchyard_upstream_attempts_total, (digit) => ({ class: `${digit}xx` }));
  const countDisagreement = tallies(metrics.switchyard_affinity_disagreements_total, (kind) => ({ kind }));
  const countWaited = tallies(metrics.switchyard_binding_waits_total, (result) => ({ result }));
  const waits: Record<BindResult, number> = { durable: 0, late: 0, suspended: 0 };
  const countBound = (result: BindResult): void => {
    waits[result]++;
    countWaited(result);
  };
  const settler = new Settler({ gate, live, memory, journal, metrics, log, nowMs });
  const retries = new RetryBudget(() => gate.active, nowMs);
  const attempts: AttemptParts = {
    live,
    metrics,
    retries,
    recover: (account) => credentials.recover(account),
    holds: new Holds(nowMs, after),
    after,
    pressure,
    places,
    lookedAhead: tallies(metrics.switchyard_look_aheads_total, (ended) => ({ ended })),
    answered: (status) => countAnswer(STATUS_CLASSES[Math.floor(status / 100)] ?? '5'),
    log,
    nowMs,
    wallClockMs,
    limits: {
      headTimeoutMs: config['upstream.request_timeout_ms'],
      compactTimeoutMs: config['upstream.compact_timeout_ms'],
      idleTimeoutMs: config['upstream.idle_timeout_ms'],
    },
  };
  const corsSettings = { permissive: config['server.cors'] === 'permissive', origins: config['server.cors_origins'] };
  const sockets = new Sockets({
    isOn: config['websocket.enabled'],
    openUpstream: faults === null ? openUpstreamSocket : faultySocket(faults),
    mayCall: originPolicy(corsSettings),
    max: parts.maxActive,
    connectMs: SOCKET_CONNECT_MS,
    frameBytes: config['websocket.frame_bytes'],
    pingMs: config['websocket.ping_ms'],
    retireMs: config['websocket.retire_ms'],
    idleMs: config['upstream.idle_timeout_ms'],
    snapshot: () => registry.snapshot,
    metrics,
    nowMs,
  });
  opened.defer(() => sockets.close());
  const pipeline: PipelineParts = {
    keys,
    snapshot: () => registry.snapshot,
    gate,
    bodyLimits: { maxBytes: config['limits.body_bytes'], memory },
    owners: { bindings, turnStates, onDisagreement: countDisagreement, onDeniedLately: () => metrics.switchyard_negative_cache_hits_total.inc() },
    attempts,
    relay: {
      bindings,
      turnStates,
      mayLeave(accountId) {
        const account = registry.snapshot.byId.get(accountId);
        return account === undefined || live.quota.blockedUntilMs(account.slot, wallClockMs()) !== 0;
      },
      nowMs,
      showAccount: config['gateway.account_header'],
      onBound: countBound,
      onBroken: (exchange, account, failure) => noteBroken(exchange, account, failure, attempts),
      onQuota: (account, json) => {
        const reading = quotaFromEvent(json, wallClockMs());
        if (reading !== null) live.observe(account.slot, reading);
      },
    },
    settler,
    sockets: sockets.gate,
    answerOurselves: ownAnswers(
      () => registry.snapshot,
      () =>
        readinessOf({
          snapshot: registry.snapshot,
          live,
          isStopping: stopping,
          isSocketOn: config['websocket.enabled'],
          hasDatabase: database.isAvailable(),
          isBehind: pressure.of('journal') > 0,
        }),
      parts.docsPath,
      (key, accountId) => usageOf(accountId, nextQuota(poolFor(registry.snapshot, key), live, key, wallClockMs()), wallClockMs() / 1_000),
    ),
    cors: corsPolicy(corsSettings),
    clientAddress: clientAddressReader(config['server.trusted_proxies']),
    protectModels: config['gateway.protect_models'],
    isStopping: () => stopping,
    wallClockMs,
    nowMs,
    log,
  };

  for (const lane of LANES) {
    metrics.switchyard_requests_in_flight.follow({ lane }, () => gate.inLane(lane));
    metrics.switchyard_requests_waiting.follow({ lane }, () => gate.waitingFor(lane));
  }
  metrics.switchyard_account_waiting.follow(() => places.waiting);
  metrics.switchyard_requests_active.follow(() => gate.active);
  for (const sign of PRESSURE_SIGNS) metrics.switchyard_pressure.follow({ sign }, () => pressure.of(sign));
  metrics.switchyard_upstream_in_flight.follow(() => live.totalInFlight);
  metrics.switchyard_retries_in_progress.follow(() => retries.taken);
  for (const lane of LANES)
    for (const standing of STANDINGS)
      metrics.switchyard_account_standing.follow(
        { lane, standing },
        () => registry.snapshot.accounts.filter(({ slot }) => live.standing(slot, LANE_AT[lane]) === standing).length,
      );
  metrics.switchyard_request_body_bytes.follow(() => memory.held);
  for (const kind of KINDS) metrics.switchyard_bindings.follow({ kind }, () => bindings.count(kind));
  metrics.switchyard_binding_conflicts.follow(() => bindings.conflicts);
  metrics.switchyard_binding_disputes_total.follow(() => bindings.disputed);
  metrics.switchyard_accounts.follow(() => registry.snapshot.accounts.length);
  metrics.switchyard_keys.follow(() => keys.size);
  metrics.switchyard_database_up.follow(() => (database.isAvailable() ? 1 : 0));

  let reclaimed = 0;
  const stallLimitMs = config['limits.stalled_client_ms'];
  const sweep = setInterval(() => {
    settler.cutStalled(nowMs() - stallLimitMs);
    reclaimed += settler.reclaim();
    pressure.tick({ loopDelayMs: parts.loopDelayMs(), journalRows: journal.backlog });
    bindings.sweep(SWEPT_PER_TICK);
    live.settle();
    quotas.flush();
    if (database.isAvailable()) credentials.tick();
    usagePolls.tick();
  }, 1_000);
  sweep.unref();
  opened.defer(() => clearInterval(sweep));
  const upkeep = async (): Promise<void> => {
    await makePartitions(database.pool, wallClockMs(), 3);
    const days = await dropOldPartitions(database.pool, wallClockMs(), { keepDays: config['requests.keep_days'], keepRows: config['requests.keep_rows'] });
    if (days.length > 0) log.info('request_days_dropped', 'Old days of the request log were dropped', { names: days });
    await pruneBindings(database.pool, limits);
    await tidyIncidents(database.pool, KEPT_INCIDENT_DAYS);
  };
  const hourly = setInterval(
    () =>
      void upkeep().catch((error: unknown) => log.warn('request_upkeep_failed', 'The upkeep of the request log failed; it runs again in an hour', { error })),
    HOUR_MS,
  );
  hourly.unref();
  opened.defer(() => clearInterval(hourly));
  await upkeep();

  const incidents = new IncidentWatch({
    store: { open: (incident) => openIncident(database.pool, incident), close: (id, ...rest) => closeIncident(database.pool, id, ...rest) },
    isAvailable: database.isAvailable,
    instanceId,
    log,
    wallClockMs,
  });
  const watching = setInterval(() => {
    const serving = registry.snapshot.general;
    void incidents.look({
      isDatabaseUp: database.isAvailable(),
      conflicts: bindings.conflicts,
      waits: { ...waits },
      journalLost: journal.lost,
      retriesRefused: retries.refused,
      leasesReclaimed: reclaimed,
      loggedOut: registry.logins.filter(({ state }) => state === 'needs_login').map(({ accountId }) => accountId),
      accounts: serving.length,
      blocked: serving.filter(({ slot }) => live.tier(slot, LANE_AT.responses) > CLOSED).length,
    });
  }, WATCH_MS);
  watching.unref();
  opened.defer(() => clearInterval(watching));

  const doctor = (): Promise<Report> =>
    diagnoseRunning({
      control,
      pool: database.pool,
      limits,
      migrations: [GATEWAY_MIGRATIONS],
      config,
      isAvailable: database.isAvailable,
      quota: () => registry.snapshot.accounts.map((account) => quotaView(account, live.quota, account.slot, wallClockMs())),
      live: () => ({
        accounts: registry.snapshot.accounts.map((account) => standingOf(account, live)),
        journal: { waiting: journal.backlog, lost: journal.lost },
        waits: { ...waits },
        lanes: LANES.map((lane) => ({ lane, running: gate.inLane(lane), waiting: gate.waitingFor(lane), limit: lanePlaces[lane] })),
        pressed: PRESSURE_SIGNS.filter((sign) => pressure.of(sign) > 0),
        notSpokenBy: sockets.notSpokenBy.map((id) => registry.snapshot.byId.get(id)?.name ?? id),
      }),
    });

  const owned = opened.move();
  return {
    handle: (request, response) => serve(request, response, pipeline),
    mayUpgrade: (request) => upgradeOf(request, pipeline) !== null,
    upgrade: (request, socket, head) => sockets.take(request, socket, head, pipeline),
    adminApi: adminApi({ control, pool: database.pool, registry, live, nowMs, wallClockMs, bindings, limits, doctor }),
    control,
    makeFirstKey: () => makeFirstKey(control, config),
    running: () => settler.openCount,
    async drain(timeoutMs, cutNow) {
      stopping = true;
      sockets.drain();
      const { promise: over, resolve } = Promise.withResolvers<'over'>();
      const endWaiting = (): void => resolve('over');
      const timer = setTimeout(endWaiting, cutNow?.aborted ? 0 : timeoutMs);
      cutNow?.addEventListener('abort', endWaiting);
      const ended = await Promise.race([settler.idle(), over]);
      clearTimeout(timer);
      cutNow?.removeEventListener('abort', endWaiting);
      const cut = ended === 'over' ? settler.openCount : 0;
      if (cut > 0) {
        settler.cutAll();
        await settler.idle();
      }
      await sockets.close();
      return cut;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const ON_PURPOSE = 'a fault that was made on purpose (faults.enabled)';

/** Writing the journal, failing as often as the budget says. */
function faultyWrite(faults: FaultBudget): typeof writeJournal {
  return (...args) => (faults.take('state_save') ? Promise.reject(new Error(ON_PURPOSE)) : writeJournal(...args));
}

function laneTallies<T>(open: (lane: Lane) => T): Readonly<Record<Lane, T>> {
  return { responses: open('responses'), compact: open('compact'), websocket: open('websocket'), standard: open('standard') };
}

function draftOfEntry(entry: AccountEntry): AccountDraft {
  return {
    name: entry.name,
    kind: entry.kind,
    baseUrl: entry.baseUrl,
    credential: entry.apiKey,
    models: entry.models,
    priority: entry.priority,
    organization: entry.organization,
    project: entry.project,
    headers: entry.headers,
    websocket: entry.websocket,
    maxInFlight: entry.maxInFlight,
    softInFlight: entry.softInFlight,
    reservePercent: entry.reservePercent,
    modelMap: entry.modelMap,
  };
}

function sandboxDraft(baseUrl: string): AccountDraft {
  return {
    name: 'sandbox',
    kind: 'sandbox',
    baseUrl,
    credential: null,
    models: null,
    priority: 1_000,
    organization: null,
    project: null,
    headers: {},
    maxInFlight: null,
    softInFlight: null,
    websocket: true,
    reservePercent: 0,
    modelMap: {},
  };
}

/** Makes the first key when there has never been one. @returns its text when it was made up here, and so has to be shown */
async function makeFirstKey(control: Control, config: Config): Promise<string | null> {
  if ((await listKeys(control.db, 'all')).length > 0) return null;
  const given = config['gateway.bootstrap_key'];
  try {
    // A reading of the keys that fails is repeated by itself; the key is made, and has to be shown all the same.
    const applied = (): Promise<void> => control.applied().catch(() => {});
    const { key } = await createKey({ ...control, applied }, { name: 'first', models: null, accounts: null }, given || undefined);
    return given ? null : key;
  } catch (error) {
    // Another process on the same database was first.
    if (error instanceof SwitchyardError && error.code === 'name_taken') return null;
    throw error;
  }
}

function rulesOf({ name, accounts, strategy, movesExhausted, reservePercent, fallback }: PoolEntry, otherwise: PoolRules['strategy']): PoolRules {
  return { name, accounts, strategy: strategy ?? otherwise, movesExhausted, reservePercent, fallback };
}
