import type { Cli } from '../cli.ts';
import type { Operations } from '../operations/operations.ts';
import { openOperations } from '../operations/open-operations.ts';
import { emphasisFor } from '../render/emphasis.ts';
import { keysTable } from '../render/keys-table.ts';
import { visible } from '../render/words.ts';

interface Json {
  readonly json?: true;
}

interface CreateKeyOptions extends Json {
  readonly name: string;
  readonly models?: readonly string[];
  readonly accounts?: readonly string[];
  readonly pool?: string;
}

/** `switchyard keys create`. */
export async function createKey({ name, models, accounts, pool, json }: CreateKeyOptions, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const made = await operations.createKey({
    name,
    ...(models === undefined ? {} : { models: [...models] }),
    ...(accounts === undefined ? {} : { accounts: [...accounts] }),
    ...(pool === undefined ? {} : { pool }),
  });
  for (const model of await unserved(models ?? [], operations))
    cli.err.write(`warning: no account serves ${visible(model)} now; \`switchyard accounts list\` shows the models that there are\n`);
  if (json) cli.out.write(`${JSON.stringify(made)}\n`);
  else
    cli.out.write(
      `Made the key "${visible(made.name)}" (${made.id}):\n\n  ${made.key}\n\nIt is shown only now: keep it somewhere safe. Switchyard stores nothing but its hash.\n`,
    );
  return 0;
}

/** Those of some models that no account serves: a key may be made first, but they may also be misspelt. */
async function unserved(models: readonly string[], operations: Operations): Promise<string[]> {
  if (models.length === 0) return [];
  // The built-in model is there as soon as a server runs.
  const served = new Set(['sandbox', ...(await operations.listAccounts()).flatMap((account) => account.models)]);
  return models.filter((model) => !served.has(model));
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
