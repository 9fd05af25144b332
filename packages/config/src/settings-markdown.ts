import { ACCOUNT_FIELDS } from './account-entry.ts';
import { describeSettings } from './describe-settings.ts';
import { POOL_FIELDS } from './pool-entry.ts';
import type { SettingDescription } from './describe-settings.ts';

const SECTION_TITLES: Readonly<Record<string, string>> = {
  '': 'Places',
  server: 'Server',
  admin: 'Admin side',
  database: 'Database',
  secrets: 'Secrets',
  gateway: 'Gateway',
  choice: 'Choice of an account',
  upstream: 'Upstreams',
  affinity: 'Conversations',
  websocket: 'WebSocket',
  limits: 'Limits',
  admission: 'Admission',
  requests: 'Request log',
  faults: 'Failures on purpose',
  metrics: 'Metrics',
  log: 'Logs',
};

const INTRO = `# Settings

<!-- Printed from the table in packages/config by \`node packages/config/src/generate-docs.ts\`; change the table, not this page. -->

Each setting is read from the first of these that has it:

1. the command line,
2. the environment, under the name in the table or one of the other names (those of the programs that Switchyard follows); an empty variable counts as not set,
3. \`$SWITCHYARD_HOME/switchyard.toml\`, or the file that \`SWITCHYARD_CONFIG\` names,
4. its default.

\`switchyard config show\` prints every setting with its value and where it came from, \`switchyard config check\` says everything that is wrong. A setting that is
misspelt or wrong stops the start; the message names the setting, the line, and what to write. It never holds a value. A variable that begins with
\`SWITCHYARD_\` and is no setting gives a warning.

**Secrets** are never printed. Any of them may be given as \`env:NAME\` (the value of another variable) or \`file:PATH\` (the text of a file; a relative path starts at the folder
of switchyard.toml), in the file and in the environment alike.

**Times** and **sizes** are numbers in the unit of their name, or text with a unit: \`500ms\`, \`10s\`, \`5m\`, \`1h\`; \`512KiB\`, \`64MiB\`, \`10MB\`.

\`.env\` in the working folder is read only where \`NODE_ENV=development\`. [\`.env.example\`](../.env.example) lists every variable.

\`\`\`toml
#:schema ./docs/settings.schema.json
[server]
port = 4700

[limits]
body_bytes = "64MiB"

[[accounts]]
name = "work"
kind = "openai"
api_key = "env:OPENAI_API_KEY"

[[accounts]]
name = "local"
kind = "openai-compatible"
base_url = "http://127.0.0.1:9100/v1"
models = ["qwen3-coder"]
\`\`\`
`;

const NOT_READ = `## Names that are not read

\`API_KEY\` is not another name for \`gateway.bootstrap_key\`: a name this general is often set for something else, and its value would quietly become a key that opens the gateway.
`;

const POOLS = `## Pools

Each \`[pools.NAME]\` table declares a pool: a set of accounts with an order of its own. A key made with \`switchyard keys create --pool NAME\` is served by
it and by its fallbacks alone; keys that name none are served by the pool \`default\`, which has all accounts unless it is declared otherwise; the built-in \`sandbox\` is then in it only where it is named.

\`\`\`toml
[pools.default]
accounts = ["work", "local"]
fallback = ["backup"]

[pools.backup]
accounts = ["spare"]
strategy = "drain_first"
\`\`\`
`;

const ALIASES = `## Aliases

\`[aliases]\` gives models other names. A client that asks for the name is served the model; it is listed with the others, and goes before a model that has
the same name.

\`\`\`toml
[aliases]
fast = "gpt-5.5-mini"
\`\`\`
`;

/** docs/settings.md. */
export function settingsMarkdown(): string {
  const bySection = Map.groupBy(describeSettings(), ({ key }) => (key.includes('.') ? key.slice(0, key.lastIndexOf('.')) : ''));
  const sections = [...bySection].map(([section, rows]) => {
    const title = SECTION_TITLES[section];
    if (title === undefined) throw new Error(`section ${section} has no title in settings-markdown.ts`);
    return `## ${title}\n\n| Setting | Environment | Default | What it does |\n| --- | --- | --- | --- |\n${rows.map(settingRow).join('\n')}\n`;
  });
  const fields = Object.entries(ACCOUNT_FIELDS).map(([name, { says, required, help }]) => `| \`${name}\` | ${says}${required ? ', required' : ''} | ${help} |`);
  const accounts = `## Accounts\n\nEach \`[[accounts]]\` table declares one account. Accounts added with \`switchyard accounts add\` are stored in the database instead, under other names.\n\n| Field | Value | What it does |\n| --- | --- | --- |\n${fields.join('\n')}\n`;
  const poolFields = Object.entries(POOL_FIELDS).map(([name, { says, help }]) => `| \`${name}\` | ${says} | ${help} |`);
  const pools = `${POOLS}\n| Field | Value | What it does |\n| --- | --- | --- |\n${poolFields.join('\n')}\n\n${ALIASES}`;
  return [INTRO, ...sections, accounts, pools, NOT_READ].join('\n');
}

function settingRow({ key, env, aliases, says, default: value, defaultMeans, unit, help, secret, outsideFile, apply }: SettingDescription): string {
  const shown = value === '' ? '' : `\`${value}\`${unit === null || unit === 'rows' ? '' : ` ${unit}`}`;
  const meaning = [shown, defaultMeans].filter((part) => part !== null && part !== '').join(': ') || 'none';
  const notes = [secret ? 'Secret.' : '', outsideFile ? 'Not in the file.' : '', apply === 'hot' ? 'Takes effect at once.' : ''].filter((note) => note !== '');
  const names = [env, ...aliases].map((name) => `\`${name}\``);
  return `| \`${key}\` | ${names.join('<br>')} | ${meaning} | ${[help, `Value: ${says}.`, ...notes].join(' ')} |`;
}
