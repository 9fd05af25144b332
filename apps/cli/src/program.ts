import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Cli } from './cli.ts';
import { readVersion } from './version.ts';

/** Where this program lies. */
const CLONE = fileURLToPath(new URL('../../../', import.meta.url)).replace(/[\\/]$/, '');

const EXAMPLES = `
Examples:
  switchyard serve                                   start the server
  switchyard accounts add --name openai --key-env OPENAI_API_KEY
  switchyard keys create --name laptop               make a key for a client
  switchyard why REQUEST_ID                          why did that request go there?
  switchyard run codex                               codex, over your accounts (\`switchyard run --help\`)

Settings come from the environment and $SWITCHYARD_HOME/switchyard.toml; \`switchyard config show\` lists them all.
No \`switchyard\` in your shell yet?  alias switchyard='npm run -s --prefix "${CLONE}" switchyard --'
Exit codes: 0 done, 1 refused or failed, 2 written wrongly.`;

const JSON_OPTION = ['--json', 'print one line of JSON, also for errors'] as const;

/**
 * The command line: its words, options and help. What a command does is loaded only when it is called, so that help is fast.
 * @param ended  Is told the exit code of the command that ran.
 */
export function makeProgram(cli: Cli, ended: (code: number) => void): Command {
  const program = new Command('switchyard')
    .description('One OpenAI-compatible gateway over your own accounts.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void cli.out.write(text),
      writeErr: (text) => void cli.err.write(text),
      // Said once for all kinds of error, where they are caught.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });

  program
    .command('serve')
    .description('run the server until SIGTERM or SIGINT; stdout gets one line `ready http://HOST:PORT`')
    .option('--host <address>', 'address to listen on (else SWITCHYARD_HOST, 127.0.0.1)')
    .option('--port <number>', 'port to listen on, 0 for a free one (else SWITCHYARD_PORT, 4700)')
    .addOption(new Option('--while-used', 'end with the last process that uses this server').hideHelp())
    .action(async (options) => ended(await (await import('./commands/serve.ts')).serve(options, cli)));

  addRun(program.command('run').description('run a program against this gateway').enablePositionalOptions(), cli, ended);
  addAccounts(program.command('accounts').description('the upstream accounts that requests are sent to'), cli, ended);
  addKeys(program.command('keys').description('the keys that clients present'), cli, ended);

  program
    .command('why')
    .description('explain where a request went, and why')
    .argument('<request-id>', 'its id, from the header x-switchyard-request-id or from `switchyard logs`')
    .option(...JSON_OPTION)
    .action(async (id: string, options) => ended(await (await import('./commands/why.ts')).why(id, options, cli)));

  addQuota(program.command('quota').description('show what is left of the quota of every account, and when each pool runs dry'), cli, ended);

  program
    .command('logs')
    .description('list the newest requests')
    .option('--limit <n>', 'how many, 1 to 500', whole(1, 500), 20)
    .option('--after <request-id>', 'go on below this one')
    .option(...JSON_OPTION)
    .action(async (options) => ended(await (await import('./commands/logs.ts')).logs(options, cli)));

  program
    .command('doctor')
    .description('say what is wrong, by what that is seen, and what to do about it')
    .option('--runtime', 'only ask the running server; without one there is nothing to look at')
    .option('--bundle <file>', 'write a .tar.gz to send to somebody who helps; no secret and no prompt is in it')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      '\nIt looks at the running server, or at the files of a stopped one, and changes nothing.\nExit codes: 0 healthy, 1 something is wrong, 2 it could not look.',
    )
    .action(async (options) => ended(await (await import('./commands/doctor.ts')).doctor(options, cli)));

  addSessions(program.command('sessions').description('what conversations are recognised by, and which account each belongs to'), cli, ended);

  addConfig(program.command('config').description('the settings, and where each comes from'), cli, ended);

  program
    .command('simulate')
    .description('run a scriptable upstream on its own; stdout gets one line `ready http://HOST:PORT`')
    .option('--port <number>', 'port to listen on, 0 for a free one', whole(0, 65_535), 0)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--script <file>', 'JSON file that says how it answers (its members: docs/simulator.md)')
    .addHelpText(
      'after',
      '\nExample:\n  switchyard simulate --port 9100\n  switchyard accounts add --name sim --kind openai-compatible --base-url http://127.0.0.1:9100/v1',
    )
    .action(async (options) => ended(await (await import('./commands/simulate.ts')).simulate(options, cli)));

  return program;
}

const RUN_HELP = `
Two ways, by what codex is signed in with. In both its configuration is left alone, and the key that it needs is made for it:
  switchyard run codex [arguments...]            with a key of this gateway, whatever its own login is
  switchyard run codex --chatgpt [arguments...]  with its own ChatGPT login beside the key: it asks ChatGPT for its account and its limits as ever,
                                                 and only its model traffic goes over your accounts; sign in first with \`codex login\`

The arguments are codex's: \`switchyard run codex exec "say hello"\`, \`switchyard run codex --help\`.`;

function addRun(run: Command, cli: Cli, ended: (code: number) => void): void {
  run.addHelpText('after', RUN_HELP);
  run
    .command('codex')
    .description('run codex with the arguments that follow; a server is started for it when none runs')
    .option('--chatgpt', 'codex stays signed in with ChatGPT, as when it is run by itself')
    .argument('[arguments...]', "codex's own; `switchyard run codex --help` is codex's help")
    // What is written here is codex's to understand.
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (own: readonly string[], options) => ended(await (await import('./commands/run-codex.ts')).runCodex(own, options, cli)));
}

function addAccounts(accounts: Command, cli: Cli, ended: (code: number) => void): void {
  accounts
    .command('add')
    .description('add an account; done when the next request can use it')
    .requiredOption('--name <name>', 'a name of your choice')
    .addOption(new Option('--kind <kind>', 'what it speaks').choices(['openai', 'openai-compatible', 'chatgpt']).default('openai'))
    .option('--base-url <url>', 'its address with /v1 (for openai: https://api.openai.com/v1; for chatgpt: https://chatgpt.com/backend-api/codex)')
    .addOption(new Option('--key-env <variable>', 'environment variable that holds its key').conflicts('keyStdin'))
    .option('--key-stdin', 'read its key from standard input')
    .option('--codex-home <path>', 'for chatgpt: the Codex home whose login it takes (else CODEX_HOME, ~/.codex)')
    .option('--token-url <url>', 'for chatgpt: where its tokens are renewed (else the issuer of ChatGPT)')
    .option('--models <names>', 'names it serves, separated by commas; left out, the upstream is asked', names)
    .option('--priority <n>', 'lower is asked first', whole(0, 1_000_000), 100)
    .option('--max-in-flight <n>', 'requests at once at most', whole(1, 1_000_000))
    .option('--soft-in-flight <n>', 'from so many at once on, others go first', whole(1, 1_000_000))
    .option('--reserve-percent <n>', 'with no more of its quota left it only continues what it began', whole(0, 99))
    .option('--map <ours=theirs>', 'a model that it serves under a name of ours, and the name that it has there; may be repeated', collect, [])
    .option('--organization <id>', 'sent as openai-organization')
    .option('--project <id>', 'sent as openai-project')
    .option('--header <line>', "extra header 'Name: value', may be repeated; the value may be env:VARIABLE", collect, [])
    .option('--websocket', 'it speaks WebSocket on /responses, as the OpenAI API does (for chatgpt: unless --no-websocket)')
    .addOption(new Option('--no-websocket').hideHelp())
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
The key is read here, sealed, and stored; the server never needs the variable.

Examples:
  switchyard accounts add --name openai --key-env OPENAI_API_KEY
  switchyard accounts add --name local --kind openai-compatible --base-url http://127.0.0.1:8000/v1
  pass show openai | switchyard accounts add --name openai --key-stdin
  switchyard accounts add --name c1 --kind chatgpt --codex-home ~/.codex-switchyard`,
    )
    .action(async (options) => ended(await (await import('./commands/add-account.ts')).addAccount(options, cli)));
  accounts
    .command('list')
    .description('list all accounts and how they are')
    .option(...JSON_OPTION)
    .action(async (options) => ended(await (await import('./commands/accounts.ts')).listAccounts(options, cli)));
  accounts
    .command('remove')
    .description('remove an account; its running requests are cut')
    .argument('<name>', 'name or id')
    .option(...JSON_OPTION)
    .action(async (name: string, options) => ended(await (await import('./commands/accounts.ts')).removeAccount(name, options, cli)));
  accounts
    .command('test')
    .description('ask the upstream of an account for its models, with the stored key; when it answers, a credential that it refused counts as good again')
    .argument('<name>', 'name or id')
    .option(...JSON_OPTION)
    .action(async (name: string, options) => ended(await (await import('./commands/accounts.ts')).testAccount(name, options, cli)));
}

function addKeys(keys: Command, cli: Cli, ended: (code: number) => void): void {
  keys
    .command('create')
    .description('make a key; its text is shown once')
    .requiredOption('--name <name>', 'who or what uses it')
    .option('--models <names>', 'only these models, separated by commas', names)
    .option('--accounts <names>', 'only these accounts, separated by commas', names)
    .option('--pool <name>', 'the pool of switchyard.toml that serves it; left out, the default one')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExamples:\n  switchyard keys create --name laptop\n  KEY=$(switchyard keys create --name ci --models gpt-5 --json | jq -r .key)')
    .action(async (options) => ended(await (await import('./commands/keys.ts')).createKey(options, cli)));
  keys
    .command('list')
    .description('list all keys, without their text')
    .option(...JSON_OPTION)
    .action(async (options) => ended(await (await import('./commands/keys.ts')).listKeys(options, cli)));
  keys
    .command('revoke')
    .description('make a key worthless, at once')
    .argument('<name>', 'name of a live key, or id')
    .option(...JSON_OPTION)
    .action(async (name: string, options) => ended(await (await import('./commands/keys.ts')).revokeKey(name, options, cli)));
}

function addQuota(quota: Command, cli: Cli, ended: (code: number) => void): void {
  quota
    .option('--watch', 'show it anew every 5 seconds, until Ctrl-C')
    .option(...JSON_OPTION)
    .action(async (options) => ended(await (await import('./commands/quota.ts')).quota(options, cli)));
  quota
    .command('lift')
    .description('ask an account again that refused for its quota, before its time is up')
    .argument('<name>', 'name or id')
    .option(...JSON_OPTION)
    // An option that the command above has too is read there.
    .action(async (name: string, _options, command: Command) =>
      ended(await (await import('./commands/quota.ts')).liftQuota(name, command.optsWithGlobals(), cli)),
    );
}

function addSessions(sessions: Command, cli: Cli, ended: (code: number) => void): void {
  sessions
    .option('--id <id>', 'what one id is bound to: of a response, a session, a turn, a call, or a digest as shown here')
    .option('--session <id>', 'the session that a call was made in')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nIds are kept only as digests; `--id` makes the digest of one and looks that up.')
    .action(async (options) => ended(await (await import('./commands/sessions.ts')).showSessions(options, cli)));
  sessions
    .command('forget')
    .description('end what an id is bound to, or the conflict over it; what continues it may then go to any account')
    .argument('<id>', 'of a response, a session, a turn, a call, or a digest as `switchyard sessions` shows it')
    .option('--session <id>', 'the session that a call was made in')
    .option(...JSON_OPTION)
    // Options that the command above has too are read there.
    .action(async (id: string, _options, command: Command) =>
      ended(await (await import('./commands/sessions.ts')).forgetSession(id, command.optsWithGlobals(), cli)),
    );
}

function addConfig(config: Command, cli: Cli, ended: (code: number) => void): void {
  config
    .command('show')
    .description('print every setting, its value and its origin; secrets stay hidden')
    .option(...JSON_OPTION)
    .action(async (options) => ended(await (await import('./commands/config.ts')).showSettings(options, cli)));
  config
    .command('check')
    .description('say whether a start would accept the settings; 1 when not')
    .option(...JSON_OPTION)
    .action(async (options) => ended(await (await import('./commands/config.ts')).checkSettings(options, cli)));
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  };
}

/** `a,b` and a repeated option mean the same. */
function names(text: string, before: readonly string[] | undefined): readonly string[] {
  const found = text.split(',').map((name) => name.trim());
  if (found.includes('')) throw new InvalidArgumentError('It must be names separated by commas.');
  return [...(before ?? []), ...found];
}

function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}
