/** As much of a JSON schema (OpenAPI 3.1) as our own API uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly allOf?: readonly Schema[];
}

/** A schema in one line, as a TypeScript type says it. */
export function schemaText(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.allOf !== undefined) return schema.allOf.map(schemaText).join(' & ');
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['unknown']);
  return types.map((type) => typeText(type, schema)).join(' | ');
}

function typeText(type: string, schema: Schema): string {
  if (type === 'array') return listText(schemaText(schema.items ?? {}));
  if (type !== 'object') return type;
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = Object.entries(properties).map(([name, field]) => `${name}${required.includes(name) ? '' : '?'}: ${schemaText(field)}`);
  const rest = typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0 ? [`[name]: ${schemaText(additionalProperties)}`] : [];
  return `{ ${[...fields, ...rest].join(', ')} }`;
}

function listText(item: string): string {
  return /[ |&]/.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
}
