import type { Cli } from '../cli.ts';
import { openOperations } from '../operations/open-operations.ts';
import { emphasisFor } from '../render/emphasis.ts';
import { keysTable } from '../render/keys-table.ts';
import { visible } from '../render/words.ts';

interface Json {
  readonly json?: true;
}

/** `switchyard keys create`. */
export async function createKey(
  { name, models, accounts, json }: Json & { readonly name: string; readonly models?: readonly string[]; readonly accounts?: readonly string[] },
  cli: Cli,
): Promise<number> {
  await using operations = await openOperations(cli);
  const made = await operations.createKey({
    name,
    ...(models === undefined ? {} : { models: [...models] }),
    ...(accounts === undefined ? {} : { accounts: [...accounts] }),
  });
  if (json) cli.out.write(`${JSON.stringify(made)}\n`);
  else
    cli.out.write(
      `Made the key "${visible(made.name)}" (${made.id}):\n\n  ${made.key}\n\nIt is shown only now: keep it somewhere safe. Switchyard stores nothing but its hash.\n`,
    );
  return 0;
}

/** `switchyard keys list`. */
export async function listKeys({ json }: Json, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const keys = await operations.listKeys();
  cli.out.write(json ? `${JSON.stringify({ data: keys })}\n` : keysTable(keys, await operations.listAccounts(), emphasisFor(cli.out, cli.env)));
  return 0;
}

/** `switchyard keys revoke`. */
export async function revokeKey(idOrName: string, { json }: Json, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const keys = await operations.listKeys();
  // Of the live keys no two have one name.
  const named = keys.find(({ id }) => id === idOrName) ?? keys.find(({ name, revoked_at: revoked }) => name === idOrName && revoked === null);
  const id = named?.id ?? idOrName;
  const key = await operations.revokeKey(id);
  cli.out.write(json ? `${JSON.stringify(key)}\n` : `Revoked the key "${visible(key.name)}" (${key.id}). Requests with it are refused from now on.\n`);
  return 0;
}
