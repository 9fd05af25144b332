import { declaredDrafts } from './accounts/declared-drafts.ts';
import { openAccounts } from './accounts/open-accounts.ts';
import { openCredentials } from './accounts/open-credentials.ts';
import { openAdmission } from './admission/open-admission.ts';
import { openAttempts } from './attempt/open-attempts.ts';
import { openBindings } from './bindings/open-bindings.ts';
import { storedBindings } from './bindings/stored-bindings.ts';
import { openChoice } from './choice/open-choice.ts';
import { clientAddressReader } from './edge/client-address.ts';
import { corsPolicy, originPolicy } from './edge/cors.ts';
import { openKeys } from './edge/open-keys.ts';
import type { Gateway, GatewayParts } from './gateway.ts';
import { groundOf } from './ground.ts';
import { adminApi } from './http/admin-api.ts';
import { openAnswers } from './http/open-answers.ts';
import { BodyMemory } from './intake/read-body.ts';
import { openCatchUp } from './open-catch-up.ts';
import { openReload } from './open-reload.ts';
import { openSockets } from './open-sockets.ts';
import { openUpkeep } from './open-upkeep.ts';
import { openRelay } from './relay/open-relay.ts';
import { serve, upgradeOf } from './serve.ts';
import type { PipelineParts } from './serve.ts';
import type { Journal } from './settle/journal.ts';
import { lookAround } from './settle/look-around.ts';
import { closeJournal, openJournal } from './settle/open-journal.ts';
import { openQuotas } from './settle/open-quotas.ts';
import { Settler } from './settle/settler.ts';
import { waitOrCut } from './settle/wait-or-cut.ts';
import { CHANGES_CHANNEL } from './store/announce.ts';
import { claimInstance } from './store/instance.ts';
import { makePartitions } from './store/partitions.ts';
import type { Control } from './use/control.ts';
import { declareAccounts } from './use/declare-accounts.ts';
import { openDoctor } from './use/doctor/open-doctor.ts';
import { makeFirstKey } from './use/first-key.ts';

/**
 * Opens the gateway on a migrated database. Disposing it writes what is left and closes every upstream connection; call `drain` first.
 */
export async function openGateway(parts: GatewayParts): Promise<Gateway> {
  await using opened = new AsyncDisposableStack();
  const ground = groundOf(parts);
  const { config, database, vault, log, metrics, wallClockMs, nowMs, instanceId } = ground;
  const closing = new AbortController();

  // What is kept of accounts and conversations, and written behind requests.
  const { live, pools } = openChoice(ground);
  const registry = openAccounts({ ...ground, live, pools });
  opened.defer(() => registry.close());
  await makePartitions(database.pool, wallClockMs(), 3);
  const journal: Journal = openJournal({ ...ground, onBound: (rows) => bound.bindings.take(rows) });
  const bound = openBindings({ ...ground, store: journal });
  const { bindings, limits } = bound;
  const stored = opened.use(storedBindings({ ...ground, bindings, limits, clock: bound.clock, closing: closing.signal }));
  const quotas = opened.use(await openQuotas({ ...ground, live, journal }));

  // Who may come in, and what changes while requests are served.
  const admission = openAdmission({ ...ground, live });
  const { gate, pressure } = admission;
  const { keys, load: loadKeys } = openKeys({ ...ground, gate });
  const corsSettings = { permissive: config['server.cors'] === 'permissive', origins: config['server.cors_origins'] };
  const sockets = openSockets({ ...ground, registry, keys, mayCall: originPolicy(corsSettings) });
  const reload = openReload({ ...ground, registry, loadKeys, bindings, onLoaded: () => sockets.dropGone() });
  opened.defer(() => reload.close());
  const credentials = opened.use(openCredentials({ ...ground, registry, live, applied: reload.request }));
  const control: Control = {
    db: database.kysely,
    vault,
    wallClockMs,
    connectTimeoutMs: config['upstream.connect_timeout_ms'],
    closing: closing.signal,
    declaredNames: () => registry.declaredNames,
    pools: pools.map(({ name }) => name),
    applied: reload.request,
  };

  // One of the processes on the database.
  const declared = declaredDrafts(config.accounts, parts.sandboxUrl);
  const readChanges = (accountId = ''): void => void reload.request(accountId === '' ? undefined : accountId).catch(() => {});
  const instance = await claimInstance({
    pool: database.pool,
    instanceId,
    channels: { [CHANGES_CHANNEL]: readChanges, ...stored.channels, ...quotas.channels },
    onGap(seconds) {
      readChanges();
      quotas.missed();
      stored.missed(seconds);
    },
    nowMs,
    declares: declared.map(({ name }) => name),
    log,
  });
  opened.defer(() => instance.close());
  // Ends before the claim does: a server that starts meanwhile must not take our last rows for lost.
  opened.defer(() => closeJournal(journal, log));
  // Only now, for what others bind from here on is heard.
  await stored.readRecent();
  opened.use(await lookAround({ ...ground, journal }));
  opened.defer(() => closing.abort());
  opened.use(await declareAccounts(declared, { log, registry, control }));
  await reload.request();

  // The stages of a request.
  let stopping = false;
  const isStopping = (): boolean => stopping;
  const memory = new BodyMemory(config['limits.body_memory_bytes']);
  const settler = new Settler({ gate, live, memory, journal, metrics, log, nowMs });
  const attempts = openAttempts({ ...ground, live, registry, admission, recover: credentials.recover });
  opened.defer(() => sockets.close());
  const pipeline: PipelineParts = {
    keys,
    snapshot: () => registry.snapshot,
    readsItems: () => registry.known.size > 1,
    catchUp: openCatchUp({ ...ground, reload }),
    gate,
    bodyLimits: { maxBytes: config['limits.body_bytes'], memory },
    owners: bound.owners,
    attempts,
    relay: openRelay({ ...ground, registry, live, bound, attempts }),
    settler,
    sockets: sockets.gate,
    answerOurselves: openAnswers({ ...ground, registry, live, pressure, isStopping }),
    cors: corsPolicy(corsSettings),
    clientAddress: clientAddressReader(config['server.trusted_proxies']),
    protectModels: config['gateway.protect_models'],
    isStopping,
    wallClockMs,
    nowMs,
    log,
  };
  metrics.switchyard_request_body_bytes.follow(() => memory.held);
  metrics.switchyard_database_up.follow(() => (database.isAvailable() ? 1 : 0));

  // What runs beside them.
  const { reclaimed } = opened.use(openUpkeep({ ...ground, settler, pressure, journal, bound, live, quotas, credentials, registry }));
  const { retries } = attempts;
  const doctor = opened.use(openDoctor({ ...ground, control, registry, live, admission, bound, journal, retries, sockets, reclaimed }));
  // Last, for with a million bindings it would hold up everything above by half a second.
  stored.readRest();

  const owned = opened.move();
  return {
    handle: (request, response) => serve(request, response, pipeline),
    mayUpgrade: (request) => upgradeOf(request, pipeline) !== null,
    upgrade: (request, socket, head) => sockets.take(request, socket, head, pipeline),
    adminApi: adminApi({
      control,
      pool: database.pool,
      registry,
      live,
      nowMs,
      wallClockMs,
      bindings,
      limits,
      log,
      owners: bound.owners,
      doctor: doctor.diagnose,
    }),
    control,
    makeFirstKey: () => makeFirstKey(control, config),
    running: () => settler.openCount,
    async drain(timeoutMs, cutNow) {
      stopping = true;
      sockets.drain();
      const cut = await waitOrCut(settler, timeoutMs, cutNow);
      await sockets.close();
      return cut;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
