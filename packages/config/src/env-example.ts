import { describeSettings } from './describe-settings.ts';

/** .env.example: every variable with its default, commented out. */
export function envExample(): string {
  const rows = describeSettings().map(({ key, env, aliases, says, default: value, defaultMeans, help, secret }) => {
    const notes = [
      `${key}: ${help.replaceAll('`', '')}`,
      `Value: ${says}.${defaultMeans === null ? '' : ` Default: ${defaultMeans.replaceAll('`', '')}.`}`,
      ...(secret ? ['Secret; env:NAME and file:PATH are understood.'] : []),
      ...(aliases.length > 0 ? [`Also read as ${aliases.join(', ')}.`] : []),
    ];
    return `${notes.map((note) => `# ${note}`).join('\n')}\n#${env}=${value}\n`;
  });
  return `# Printed from the table in packages/config; see docs/settings.md. Read from .env only where NODE_ENV=development.\n\n${rows.join('\n')}`;
}
