import { envExample } from './env-example.ts';
import { settingsJsonSchema } from './settings-json-schema.ts';
import { settingsMarkdown } from './settings-markdown.ts';

/** The files that are printed from the table of settings, by path from the repository's root. */
export function generatedDocs(): readonly { readonly path: string; readonly text: string }[] {
  return [
    { path: 'docs/settings.md', text: settingsMarkdown() },
    { path: 'docs/settings.schema.json', text: `${JSON.stringify(settingsJsonSchema(), null, 2)}\n` },
    { path: '.env.example', text: envExample() },
  ];
}
