import { SwitchyardError } from '@switchyard/contracts';

/** Why the database cannot be used. A closed list, so that a caller can tell one refusal from another. */
export type RefusalReason =
  | 'home_in_use'
  | 'other_version'
  | 'other_owner'
  | 'not_a_data_folder'
  | 'binaries_missing'
  | 'libraries_not_linked'
  | 'unsupported_platform'
  | 'no_ordinary_user'
  | 'socket_folder'
  | 'no_space'
  | 'no_permission'
  | 'orphan_stuck'
  | 'did_not_start'
  | 'unreachable'
  | 'migration_files'
  | 'migration_changed'
  | 'migration_newer'
  | 'migration_failed';

/** A start that cannot go on. The message says what happened, where, and what to do next; it is fit to be printed as it is. */
export class DatabaseRefusal extends SwitchyardError {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options: { cause?: unknown } = {}) {
    super('database_unavailable', message, options);
    this.name = 'DatabaseRefusal';
    this.reason = reason;
  }
}

/** Names the two file faults that an operator can mend; anything else is passed on as it came. */
export function refusalOfFileFault(error: unknown, place: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new DatabaseRefusal(
      'no_space',
      `No disk space is left for ${place}. Free at least 200 MB there, or set SWITCHYARD_HOME to a folder on another disk.`,
      { cause: error },
    );
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new DatabaseRefusal(
      'no_permission',
      `${place} cannot be written (${code}). Make it writable for the user who runs Switchyard, or set SWITCHYARD_HOME to a folder that is.`,
      { cause: error },
    );
  return error;
}
