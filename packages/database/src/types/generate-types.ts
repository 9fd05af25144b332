import pg from 'pg';

import { clientConfig } from '../connection.ts';
import type { DatabaseTarget } from '../connection.ts';

/** How a column of a PostgreSQL type is read and written in TypeScript, given the parsers of `clientConfig`. */
interface ColumnKind {
  readonly read: string;
  /** Where it differs from what is read. */
  readonly write?: string;
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  bool: { read: 'boolean' },
  bytea: { read: 'Buffer' },
  date: { read: 'Date' },
  float4: { read: 'number' },
  float8: { read: 'number' },
  inet: { read: 'string' },
  int2: { read: 'number' },
  int4: { read: 'number' },
  int8: { read: 'bigint', write: 'bigint | number' },
  // Read as the value it holds, written as JSON text: the driver would take an array for one of PostgreSQL's.
  json: { read: 'unknown', write: 'string' },
  jsonb: { read: 'unknown', write: 'string' },
  numeric: { read: 'string', write: 'string | number' },
  text: { read: 'string' },
  timestamptz: { read: 'Date' },
  uuid: { read: 'string' },
  varchar: { read: 'string' },
};

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly element: string | null;
  readonly labels: string[] | null;
  readonly required: boolean;
  readonly has_default: boolean;
  readonly always: boolean;
}

const COLUMNS = `
  SELECT c.relname AS table, a.attname AS name, t.typname AS type, e.typname AS element,
         (SELECT array_agg(l.enumlabel::text ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid) AS labels,
         a.attnotnull AS required, a.atthasdef OR a.attidentity <> '' AS has_default,
         a.attidentity = 'a' OR a.attgenerated <> '' AS always
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
   WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   ORDER BY c.relname, a.attnum`;

/**
 * Prints the tables of one schema as Kysely's types, from a migrated database. The order is that of the catalogue, so the same schema always
 * gives the same text and a test can compare it with the file.
 * @throws Error naming a column whose type has no row in the table above.
 */
export async function generateTypes(options: { readonly connection: DatabaseTarget; readonly schema: string }): Promise<string> {
  const { connection, schema } = options;
  const client = new pg.Client(clientConfig(connection, 'switchyard-types'));
  await client.connect();
  try {
    const { rows } = await client.query<Column>(COLUMNS, [schema]);
    return print(
      schema,
      Map.groupBy(rows, (column) => column.table),
    );
  } finally {
    await client.end();
  }
}

function print(schema: string, tables: ReadonlyMap<string, readonly Column[]>): string {
  const members = [...tables].map(([table, columns]) => {
    const lines = columns.map((column) => `    ${column.name}: ${columnType(schema, column)};\n`);
    return `  '${schema}.${table}': {\n${lines.join('')}  };\n`;
  });
  const body = `export interface DB {\n${members.join('')}}\n`;
  const used = ['ColumnType', 'Generated', 'GeneratedAlways'].filter((name) => body.includes(`: ${name}<`));
  const imports = used.length > 0 ? `import type { ${used.join(', ')} } from 'kysely';\n\n` : '';
  return `// Generated from the migrated database by packages/database/src/types/types-command.ts; a test compares the two.\n${imports}${body}`;
}

function columnType(schema: string, column: Column): string {
  const { read, write = read } = kindOf(schema, column);
  const orNull = (type: string): string => (column.required || type === 'unknown' ? type : `${type} | null`);
  if (column.always) return `GeneratedAlways<${orNull(read)}>`;
  if (read === write) return column.has_default ? `Generated<${orNull(read)}>` : orNull(read);
  return `ColumnType<${orNull(read)}, ${orNull(write)}${column.has_default ? ' | undefined' : ''}, ${orNull(write)}>`;
}

function kindOf(schema: string, column: Column): ColumnKind {
  if (column.labels) return { read: column.labels.map((label) => `'${label}'`).join(' | ') };
  const kind = KINDS[column.element ?? column.type];
  if (!kind) throw new Error(`${schema}.${column.table}.${column.name} is of type ${column.type}, which generate-types.ts does not know; add it there.`);
  if (column.element === null) return kind;
  // The driver reads arrays of int8 as texts.
  return { read: `${column.element === 'int8' ? 'string' : kind.read}[]` };
}
