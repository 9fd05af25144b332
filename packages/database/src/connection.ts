import pg from 'pg';

/** Where a database is: what `pg` needs to connect to it. */
export interface DatabaseConnection {
  /** A host name, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** A database of ours, or any other by its address (DATABASE_URL). */
export type DatabaseTarget = DatabaseConnection | { readonly url: string };

const INT8 = 20;

/** Settings of a client. `int8` arrives as bigint, always: money and tokens are bigints (architecture 8), and a type that depends on the value is a trap. */
export function clientConfig(target: DatabaseTarget, applicationName: string): pg.ClientConfig {
  return {
    ...('url' in target ? { connectionString: target.url } : target),
    application_name: applicationName,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === INT8 && format !== ('binary' as string) ? BigInt : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  };
}

/** The database's place for people: never the password, which an address may hold. */
export function describeTarget(target: DatabaseTarget): string {
  if (!('url' in target)) return `${target.database} at ${target.host}`;
  try {
    const { hostname, port, pathname } = new URL(target.url);
    return `${pathname.slice(1) || 'the default database'} at ${hostname || 'the local socket'}${port ? `:${port}` : ''} (DATABASE_URL)`;
  } catch {
    return 'DATABASE_URL';
  }
}

// What the driver says without a code: a connection that ended, could not be had in time, or did not answer.
const DRIVER_LOSS =
  /^(?:Connection terminated|timeout e|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after)/;
const NETWORK_LOSS = /^(ECONN[A-Z]+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;
// Connection exceptions, a server that is closing, crashed or starting, and one with no connection to spare.
const STATE_LOSS = /^(08...|57P0[1-5]|53300)$/;

/** Whether an error says that the connection or the server is gone, rather than that a statement, or the program, was wrong. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) return DRIVER_LOSS.test(error.message);
  return STATE_LOSS.test(code) || NETWORK_LOSS.test(code) || (code === 'ENOENT' && syscall === 'connect');
}
