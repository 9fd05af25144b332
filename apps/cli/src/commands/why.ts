import type { Cli } from '../cli.ts';
import { openOperations } from '../operations/open-operations.ts';
import { decisionReport } from '../render/decision-report.ts';
import { emphasisFor } from '../render/emphasis.ts';

/** `switchyard why`: the request log's row of one request and its decision record, as a short report. */
export async function why(id: string, { json }: { readonly json?: true }, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const request = await operations.findRequest(id);
  if (json) {
    cli.out.write(`${JSON.stringify(request)}\n`);
    return 0;
  }
  const keys = new Map((await operations.listKeys()).map((key) => [key.id, key.name]));
  cli.out.write(decisionReport(request, (keyId) => keys.get(keyId) ?? null, emphasisFor(cli.out, cli.env)));
  return 0;
}
