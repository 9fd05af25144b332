import type { Cli } from '../cli.ts';
import { openOperations } from '../operations/open-operations.ts';
import { emphasisFor } from '../render/emphasis.ts';
import { forecastLines } from '../render/forecast-lines.ts';
import { quotaTable } from '../render/quota-table.ts';

const WATCH_MS = 5_000;
/** Moves to the top left and clears what is below: each picture takes the place of the last. */
const CLEAR = '\u001b[H\u001b[J';

/** `switchyard quota`: what is left, and when each pool has nothing left, once or again and again until Ctrl-C. With `--json` each picture is a line. */
export async function quota({ watch, json }: { readonly watch?: true; readonly json?: true }, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const show = async (): Promise<void> => {
    const { data, pools } = await operations.listQuota();
    const clear = watch === true && cli.out.isTTY === true ? CLEAR : '';
    const nowMs = Date.now();
    const emphasise = emphasisFor(cli.out, cli.env);
    cli.out.write(json ? `${JSON.stringify({ data, pools })}\n` : `${clear}${quotaTable(data, nowMs, emphasise)}${forecastLines(pools, nowMs, emphasise)}`);
  };
  if (watch !== true) {
    await show();
    return 0;
  }
  const ended = new AbortController();
  const end = (): void => ended.abort();
  for (const signal of ['SIGINT', 'SIGTERM']) cli.signals.once(signal, end);
  try {
    do await show();
    while (await passes(WATCH_MS, ended.signal));
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) cli.signals.removeListener(signal, end);
  }
  return 0;
}

/** `switchyard quota lift`. */
export async function liftQuota(idOrName: string, { json }: { readonly json?: true }, cli: Cli): Promise<number> {
  await using operations = await openOperations(cli);
  const quota = await operations.liftQuota(idOrName);
  cli.out.write(json ? `${JSON.stringify(quota)}\n` : `${quota.account} counts as having quota, until it refuses for it again.\n`);
  return 0;
}

/** @returns false when the wait was ended */
function passes(ms: number, ended: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      ended.removeEventListener('abort', stop);
      resolve(true);
    }, ms);
    if (ended.aborted) stop();
    else ended.addEventListener('abort', stop, { once: true });
  });
}
