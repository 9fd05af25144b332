import type { Cli } from '../cli.ts';
import { openOperations } from '../operations/open-operations.ts';
import { accountsTable } from '../render/accounts-table.ts';
import { emphasisFor } from '../render/emphasis.ts';
import { duration, modelsText, plural } from '../render/words.ts';

interface Json {
  readonly json?: true;
}

/** `switchyard accounts list`. */
export async function listAccounts({ json }: Json, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const accounts = await operations.listAccounts();
  cli.out.write(json ? `${JSON.stringify({ data: accounts })}\n` : accountsTable(accounts, emphasisFor(cli.out, cli.env)));
  return 0;
}

/** `switchyard accounts remove`. */
export async function removeAccount(idOrName: string, { json }: Json, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const account = await operations.removeAccount(idOrName);
  cli.out.write(json ? `${JSON.stringify(account)}\n` : `Removed ${account.name} (${account.id}). No request goes to it any more.\n`);
  return 0;
}

/** `switchyard accounts test`. */
export async function testAccount(idOrName: string, { json }: Json, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const test = await operations.testAccount(idOrName);
  if (json) cli.out.write(`${JSON.stringify(test)}\n`);
  else
    cli.out.write(
      `${test.account.name} (${test.account.base_url}) answered after ${duration(test.duration_ms)} with ${plural(test.models.length, 'model')}: ${modelsText(test.models)}.${test.learnt ? ' They are others than before, and are served from now on.' : ''}\n`,
    );
  return 0;
}
