/** What stands at the top of a page that is printed from a table. */
export function generatedNote(table: string): string {
  return `<!-- Printed from ${table} by \`node tools/docs/generate.ts\`; change the table, not this page. -->\n`;
}
