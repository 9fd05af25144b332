import type { AccountRegistry } from '../../accounts/account-registry.ts';
import type { Admission } from '../../admission/open-admission.ts';
import { PRESSURE_SIGNS } from '../../admission/pressure.ts';
import type { RetryBudget } from '../../attempt/retry-budget.ts';
import type { BindingsRoom } from '../../bindings/open-bindings.ts';
import { LANE_AT } from '../../choice/lanes.ts';
import type { LiveFigures } from '../../choice/live-figures.ts';
import { CLOSED } from '../../choice/standing.ts';
import type { Ground } from '../../ground.ts';
import { LANES } from '../../routes.ts';
import type { Sockets } from '../../serve-socket.ts';
import type { Journal } from '../../settle/journal.ts';
import { closeIncident, openIncident } from '../../store/incidents.ts';
import { GATEWAY_MIGRATIONS } from '../../store/migrations.ts';
import type { Control } from '../control.ts';
import { quotaView } from '../quota.ts';
import { diagnoseRunning } from './diagnose-running.ts';
import type { Report } from './finding.ts';
import { IncidentWatch } from './incident-watch.ts';
import { poolStandings } from './pool-standing.ts';
import { standingOf } from './standing-of.ts';

interface DoctorParts extends Pick<Ground, 'config' | 'database' | 'instanceId' | 'wallClockMs' | 'log'> {
  readonly control: Control;
  readonly registry: AccountRegistry;
  readonly live: LiveFigures;
  readonly admission: Admission;
  readonly bound: BindingsRoom;
  readonly journal: Journal;
  readonly retries: RetryBudget;
  readonly sockets: Sockets;
  readonly reclaimed: () => number;
}

/** The doctor of a running gateway. Until it is disposed of, it also notes what goes wrong for a while. */
export interface Doctor extends AsyncDisposable {
  readonly diagnose: () => Promise<Report>;
}

/** How often it is looked whether something has gone wrong. */
const WATCH_MS = 5_000;

export function openDoctor(parts: DoctorParts): Doctor {
  const { config, database, instanceId, wallClockMs, log, control, registry, live, admission, bound, journal, retries, sockets, reclaimed } = parts;
  const { bindings, limits, waits } = bound;
  const { gate, pressure, lanePlaces } = admission;
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
      leasesReclaimed: reclaimed(),
      loggedOut: registry.logins.filter(({ state }) => state === 'needs_login').map(({ name }) => name),
      accounts: serving.length,
      blocked: serving.filter(({ slot }) => live.tier(slot, LANE_AT.responses) > CLOSED).length,
    });
  }, WATCH_MS);
  watching.unref();
  return {
    diagnose: () =>
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
          pools: poolStandings(registry.snapshot, live, config['websocket.enabled']),
          journal: { waiting: journal.backlog, lost: journal.lost },
          waits: { ...waits },
          lanes: LANES.map((lane) => ({ lane, running: gate.inLane(lane), waiting: gate.waitingFor(lane), limit: lanePlaces[lane] })),
          pressed: PRESSURE_SIGNS.filter((sign) => pressure.of(sign) > 0),
          notSpokenBy: sockets.notSpokenBy.map((id) => registry.snapshot.byId.get(id)?.name ?? id),
        }),
      }),
    [Symbol.asyncDispose]: () => {
      clearInterval(watching);
      return incidents.close();
    },
  };
}
