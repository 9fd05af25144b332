/**
 * How the embedded server is set, given on its command line so that the running settings are always those of this version.
 * Sized for a laptop (architecture 1); whoever needs more gives a server of their own in DATABASE_URL.
 */
const POSTGRES_SETTINGS = {
  // Nothing listens on the network: the socket folder, mode 0700, is the whole access control.
  listen_addresses: '',
  port: '5432',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '64MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '512MB',
  huge_pages: 'off',
  jit: 'off',
  // One process less each, for features that one local server never uses.
  io_method: 'sync',
  max_logical_replication_workers: '0',
  max_wal_senders: '0',
  // Parallel queries need more shared memory than a container gives by default (64 MB), and fail there.
  max_parallel_workers_per_gather: '0',
  // What a commit promises.
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  idle_in_transaction_session_timeout: '60s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  log_checkpoints: 'off',
  // The log names faults, never statements nor rows: those may hold what users sent.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
} as const satisfies Record<string, string>;

/** `-c name=value` for each setting. */
export function settingArguments(socketFolder: string): string[] {
  const quoted = `"${socketFolder.replaceAll('"', '""')}"`;
  return Object.entries({ ...POSTGRES_SETTINGS, unix_socket_directories: quoted }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
