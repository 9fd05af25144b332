import type { ColumnType, Generated } from 'kysely';

export interface DB {
  'gateway.account': {
    id: string;
    name: string;
    kind: string;
    source: string;
    base_url: string;
    models: Generated<string[]>;
    models_from: string;
    priority: Generated<number>;
    organization: string | null;
    project: string | null;
    headers: ColumnType<unknown, string | undefined, string>;
    credential: Buffer | null;
    created_at: Generated<Date>;
    updated_at: ColumnType<Date, Date | string | undefined, Date | string>;
  };
  'gateway.key': {
    id: string;
    name: string;
    digest: Buffer;
    hint: string;
    models: string[] | null;
    accounts: string[] | null;
    created_at: Generated<Date>;
    revoked_at: Date | null;
  };
  'gateway.response_binding': {
    response_id: string;
    account_id: string;
    key_id: string;
    created_at: Generated<Date>;
  };
}
