import { SwitchyardError } from '@switchyard/contracts';
import type { Cli } from '../cli.ts';
import { openOperations } from '../operations/open-operations.ts';
import { CommandRefusal } from '../refusals.ts';
import { decisionReport } from '../render/decision-report.ts';
import { emphasisFor } from '../render/emphasis.ts';

/** `switchyard why`: the request log's row of one request and its decision record, as a short report. */
export async function why(id: string, { json }: { readonly json?: true }, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const request = await operations.findRequest(id).catch(refuse);
  if (json) {
    cli.out.write(`${JSON.stringify(request)}\n`);
    return 0;
  }
  const keys = new Map((await operations.listKeys()).map((key) => [key.id, key.name]));
  const accounts = new Map((await operations.listAccounts()).map((account) => [account.id, account.name]));
  const names = { ofKey: (keyId: string) => keys.get(keyId) ?? null, ofAccount: (accountId: string) => accounts.get(accountId) ?? null };
  cli.out.write(decisionReport(request, names, emphasisFor(cli.out, cli.env)));
  return 0;
}

function refuse(error: unknown): never {
  if (!(error instanceof SwitchyardError) || error.code !== 'not_found') throw error;
  throw new CommandRefusal(
    'not_found',
    error.message,
    'See `switchyard logs` for what there is. The id is the one in the header x-switchyard-request-id; a request with a wrong key is not kept.',
    error,
  );
}
