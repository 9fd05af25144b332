import { SwitchyardError } from '@switchyard/contracts';
import type { Cli } from '../cli.ts';
import { openOperations } from '../operations/open-operations.ts';
import type { SoughtId } from '../operations/operations.ts';
import { CommandRefusal } from '../refusals.ts';
import { emphasisFor } from '../render/emphasis.ts';
import { bindingLines, sessionsTable } from '../render/sessions-table.ts';

interface Asked {
  readonly id?: string;
  readonly session?: string;
  readonly json?: true;
}

/** `switchyard sessions`: counts and conflicts, or what one id is bound to. */
export async function showSessions({ id, session, json }: Asked, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const asked = id === undefined ? null : soughtId(id, session);
  const shown = await operations.showSessionBindings(asked);
  if (asked !== null && shown.found!.length === 0)
    throw new CommandRefusal(
      'not_found',
      `Nothing is bound by the id "${asked.id}".`,
      'A request that continues it may go to any account. Of a call, name the session too: --session ID.',
    );
  if (json) cli.out.write(`${JSON.stringify(shown)}\n`);
  else cli.out.write(asked === null ? sessionsTable(shown, emphasisFor(cli.out, cli.env)) : bindingLines(shown.found!));
  return 0;
}

/** `switchyard sessions forget`. */
export async function forgetSession(id: string, { session, json }: Asked, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const ended = await operations.forgetSessionBindings(soughtId(id, session)).catch(refuse);
  if (json) cli.out.write(`${JSON.stringify({ data: ended })}\n`);
  else cli.out.write(`Ended. A request that continues this may go to any account now. What was:\n${bindingLines(ended)}`);
  return 0;
}

function soughtId(id: string, session: string | undefined): SoughtId {
  return { id, ...(session === undefined ? {} : { session }) };
}

function refuse(error: unknown): never {
  if (!(error instanceof SwitchyardError) || error.code !== 'not_found') throw error;
  throw new CommandRefusal('not_found', error.message, 'See `switchyard sessions` for conflicts with their digests; of a call, name the session too.', error);
}
