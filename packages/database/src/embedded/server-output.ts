import { DatabaseRefusal } from '../database-refusal.ts';

/** Turns what PostgreSQL printed before it gave up into a sentence with a remedy. */
export function refusalOfServerOutput(what: string, place: string, output: string): DatabaseRefusal {
  const cause = output === '' ? undefined : new Error(output);
  if (/No space left on device|Disk quota exceeded|Check free disk space/.test(output))
    return new DatabaseRefusal(
      'no_space',
      `${what}: no disk space is left for ${place}. Free at least 200 MB there, or set SWITCHYARD_HOME to a folder on another disk.`,
      { cause },
    );
  if (/Permission denied|Read-only file system|Operation not permitted/.test(output))
    return new DatabaseRefusal(
      'no_permission',
      `${what}: ${place} cannot be written. Make it writable for the user who runs Switchyard, or set SWITCHYARD_HOME to a folder that is.`,
      { cause },
    );
  const lines = output.trim().split('\n');
  // The first fault is the cause, what follows are its consequences.
  const said = (lines.find((line) => /FATAL:|PANIC:|error:/.test(line)) ?? lines.at(-1)) || 'it said nothing';
  return new DatabaseRefusal('did_not_start', `${what} in ${place}: ${said}. Set DATABASE_URL to a PostgreSQL server to go on without the embedded one.`, {
    cause,
  });
}
