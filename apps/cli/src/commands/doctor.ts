import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { showConfig } from '@switchyard/config';
import { bundleFiles } from '../bundle/bundle-files.ts';
import { tarOf } from '../bundle/tar.ts';
import type { Cli } from '../cli.ts';
import { explainError } from '../explain-error.ts';
import { openInspection } from '../operations/open-inspection.ts';
import type { Opened } from '../operations/open-inspection.ts';
import { CommandRefusal } from '../refusals.ts';
import { doctorReport } from '../render/doctor-report.ts';
import { emphasisFor } from '../render/emphasis.ts';

interface Asked {
  readonly runtime?: true;
  readonly bundle?: string;
  readonly json?: true;
}

/** So many rows of the request log go into a bundle. */
const BUNDLED_REQUESTS = 500;

/** `switchyard doctor`. @returns 0 healthy, 1 something is wrong, 2 it could not look */
export async function doctor({ runtime, bundle, json }: Asked, cli: Cli): Promise<number> {
  try {
    await using inspection = await openInspection(cli, runtime === true);
    const { report } = inspection;
    if (bundle !== undefined) await writeBundle(bundle, inspection);
    cli.out.write(json ? `${JSON.stringify(report)}\n` : doctorReport(report, emphasisFor(cli.out, cli.env)));
    if (bundle !== undefined) cli.err.write(`Wrote ${bundle}. Secrets are hidden in it, and no prompt is there; look at it before you send it.\n`);
    return report.healthy ? 0 : 1;
  } catch (error) {
    cli.err.write(explainError(error, { command: 'switchyard doctor', json: json === true }).text);
    return 2;
  }
}

async function writeBundle(path: string, inspection: Opened): Promise<void> {
  const { report, settings } = inspection;
  const files = bundleFiles({
    report,
    config: settings === null ? null : showConfig(settings, { json: true }),
    requests: await inspection.newestRequests(BUNDLED_REQUESTS),
    metrics: await inspection.metrics(),
  });
  try {
    writeFileSync(path, gzipSync(tarOf(files, Date.parse(report.checked_at))), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandRefusal(
      'bundle_not_written',
      code === 'EEXIST' ? `There is a file ${path} already.` : `${path} could not be written (${code}).`,
      'Name another file with --bundle.',
      error,
    );
  }
}
