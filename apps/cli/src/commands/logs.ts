import type { Cli } from '../cli.ts';
import { openOperations } from '../operations/open-operations.ts';
import { emphasisFor } from '../render/emphasis.ts';
import { requestsTable } from '../render/requests-table.ts';

/** `switchyard logs`: a page of the request log, newest first. */
export async function logs({ limit, after, json }: { readonly limit: number; readonly after?: string; readonly json?: true }, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const page = await operations.listRequests({ limit, ...(after === undefined ? {} : { after }) });
  if (json) {
    cli.out.write(`${JSON.stringify(page)}\n`);
    return 0;
  }
  cli.out.write(requestsTable(page.data, await operations.listAccounts(), emphasisFor(cli.out, cli.env)));
  if (page.has_more) cli.err.write(`Older ones: switchyard logs --limit ${limit} --after ${page.last_id}\n`);
  return 0;
}
