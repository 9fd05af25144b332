import { SwitchyardError } from '@switchyard/contracts';
import { noteUnserved } from './attempt/note-unserved.ts';
import type { Owner } from './attempt/owner.ts';
import { runTurn } from './attempt/socket-turn.ts';
import type { CommittedTurn } from './attempt/turn-route.ts';
import type { UpstreamRoute } from './attempt/upstream-route.ts';
import { resolveOwner } from './bindings/resolve-owner.ts';
import { poolFor } from './choice/pool.ts';
import type { Pool } from './choice/pool.ts';
import type { Taken } from './exchange.ts';
import type { WaitingTurn } from './intake/turn-queue.ts';
import { asRefusal, isWorthAnother, takeModel } from './serve.ts';
import type { PipelineParts } from './serve.ts';

/**
 * Takes a turn through the stages up to its commit, as a request over HTTP: an active place, its owner, a place of its lane, an account. Its
 * frame has been read. Never rejects.
 * @param isKnown   Whether its key is still one.
 * @param route     The client's way to its upstream.
 * @param speaking  A pool without those of its accounts that do not speak WebSocket.
 * @returns what its client gets, or null when that has left meanwhile
 */
export async function serveTurn(
  exchange: Taken,
  { data, read }: WaitingTurn,
  isKnown: boolean,
  route: UpstreamRoute,
  speaking: (pool: Pool) => Pool,
  pipeline: PipelineParts,
): Promise<CommittedTurn | SwitchyardError | null> {
  const { settler, gate } = pipeline;
  if (read instanceof SwitchyardError) {
    pipeline.bodyLimits.memory.release(data.length);
    exchange.bytesIn = data.length;
    return read;
  }
  const facts = read.turn!;
  settler.takeFacts(exchange, facts);
  if (!isKnown) return new SwitchyardError('invalid_api_key', 'This API key has been revoked.');
  if (pipeline.isStopping()) return new SwitchyardError('shutting_down', 'The server is stopping.');
  const full = gate.enter(exchange);
  if (full !== null) return full;
  for (let isLast = false; ; isLast = true) {
    const table = pipeline.snapshot();
    try {
      const pool = poolFor(table, exchange.key);
      takeModel(exchange, facts.model!, table, pool, pipeline);
      // What is bound to nobody but continues something continues what this socket holds.
      const before = (facts.claims?.previousResponse ?? null) === null ? null : route.openTo;
      const bound = await resolveOwner(exchange, table, pipeline.owners);
      if (exchange.openAt === -1) return null;
      if (isTorn(exchange))
        return new SwitchyardError('stale_continuation', 'What this turn carries was sealed by another account than the one that this socket leads to.');
      const held = before === null ? undefined : table.byId.get(before.id);
      const isLoose = bound === null || (bound.strength === 'soft' && exchange.affinity?.kind !== 'response');
      const owner: Owner | null = isLoose && held !== undefined ? { account: held, strength: 'hard' } : bound;
      const shut = exchange.place === 'lane' ? null : gate.admit(exchange, owner);
      if (shut !== null) {
        const refusal = await shut;
        if (exchange.openAt === -1) return null;
        if (refusal !== null) return refusal;
      }
      route.begin(read, owner === null || owner.strength === 'soft' ? null : owner.account);
      const committed = await runTurn(exchange, pool, speaking(pool), owner, route, pipeline.attempts);
      if (committed === null) return null;
      settler.letGoIfOver(exchange);
      settler.dropBody(exchange);
      return committed;
    } catch (error) {
      const refusal = asRefusal(error, exchange.id, pipeline.log);
      if (!isLast && (await isWorthAnother(refusal, table, pipeline))) {
        if (exchange.openAt === -1) return null;
        continue;
      }
      noteUnserved(exchange, refusal, table, pipeline.attempts.live);
      if (!route.isStale || refusal.code !== 'upstream_unreachable') return refusal;
      return new SwitchyardError('stale_continuation', 'The socket that this continues was silent for too long, and its account took no new one.', {
        cause: refusal,
      });
    }
  }
}

/**
 * Whether a turn goes on from a response of one account with an item that another has sealed, so that neither can take it. It happens after a
 * warm-up, which carries nothing yet and so could go elsewhere while the owner was out of quota; the whole conversation finds the owner.
 */
function isTorn({ affinity }: Taken): boolean {
  return affinity !== null && affinity.kind === 'response' && affinity.isSealedElsewhere;
}
