import { ACCOUNT_FIELDS } from './account-entry.ts';
import { describeSettings } from './describe-settings.ts';
import { POOL_FIELDS } from './pool-entry.ts';

interface ObjectSchema {
  type: 'object';
  description?: string;
  additionalProperties: false;
  properties: Record<string, unknown>;
  required?: string[];
}

const SECRET_HINT = 'Secret: best written as env:NAME or file:PATH.';

/** JSON Schema (2020-12) of switchyard.toml, for editors that complete and check TOML. */
export function settingsJsonSchema(): Readonly<Record<string, unknown>> {
  const sections: Record<string, ObjectSchema> = {};
  for (const row of describeSettings()) {
    if (row.outsideFile) continue;
    const dot = row.key.lastIndexOf('.');
    const section = (sections[row.key.slice(0, dot)] ??= { type: 'object', additionalProperties: false, properties: {} });
    section.properties[row.key.slice(dot + 1)] = {
      description: [row.help, `Value: ${row.says}.`, row.secret ? SECRET_HINT : ''].filter((part) => part !== '').join(' '),
      ...row.schema,
    };
  }
  const account: ObjectSchema = {
    type: 'object',
    additionalProperties: false,
    required: Object.entries(ACCOUNT_FIELDS).flatMap(([name, { required }]) => (required ? [name] : [])),
    properties: Object.fromEntries(Object.entries(ACCOUNT_FIELDS).map(([name, { help, schema }]) => [name, { description: help, ...schema }])),
  };
  const pool: ObjectSchema = {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(Object.entries(POOL_FIELDS).map(([name, { help, schema }]) => [name, { description: help, ...schema }])),
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'switchyard.toml',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...sections,
      accounts: { type: 'array', items: account },
      pools: { type: 'object', additionalProperties: pool },
      aliases: {
        type: 'object',
        description: 'Other names for models: what clients may ask for, and the model that it stands for.',
        additionalProperties: { type: 'string', minLength: 1 },
      },
    },
  };
}
