import { CommanderError } from 'commander';
import { FAULTS, SwitchyardError } from '@switchyard/contracts';
import type { FaultCode } from '@switchyard/contracts';
import { scrubText } from '@switchyard/observability';
import { CommandRefusal, UsageError } from './refusals.ts';

export interface Explained {
  readonly exitCode: 1 | 2;
  /** Whole lines for stderr. */
  readonly text: string;
}

interface Facts {
  readonly exitCode: 1 | 2;
  readonly code: string;
  readonly type: string;
  readonly message: string;
  readonly remedy: string | null;
  readonly param: string | null;
  readonly retryable: boolean;
}

/** What a person at a shell does about a fault, where the table's own advice speaks to the writer of an HTTP client; null: the message says it. */
const SHELL_REMEDIES: Partial<Record<FaultCode, string | null>> = {
  admin_token_required:
    'The server was started with another admin token than this shell knows: set SWITCHYARD_ADMIN_TOKEN to it, or unset it to use the file in SWITCHYARD_HOME.',
  account_refused: 'Nothing was changed. Check the address and the key, then run the command again.',
  held_by_file: null,
  missing_required_parameter: 'Add the option that the message names.',
  route_not_found: 'The running server is of another version than this command; restart it.',
  internal_error: "The server's log has the cause. Please report it.",
};

/** Where the things that a command names are listed and ended. */
const AREAS: readonly { readonly commands: RegExp; readonly list: string; readonly end?: string }[] = [
  { commands: / accounts /, list: 'switchyard accounts list', end: 'switchyard accounts remove' },
  { commands: / keys /, list: 'switchyard keys list', end: 'switchyard keys revoke' },
  { commands: / (why|logs)$/, list: 'switchyard logs' },
  { commands: / sessions( |$)/, list: 'switchyard sessions' },
  { commands: / quota /, list: 'switchyard quota' },
];

/** The option behind a field of our API. */
const OPTIONS: Readonly<Record<string, string>> = {
  base_url: '--base-url',
  credential: 'the variable that --key-env names',
  name: '--name',
  models: '--models',
  accounts: '--accounts',
  priority: '--priority',
  organization: '--organization',
  project: '--project',
  headers: '--header',
  websocket: '--websocket',
  codex_home: 'the login there, or name another Codex home with --codex-home',
  token_url: '--token-url',
};

// Errors whose message is whole and fit for people. By name: their classes live in packages that take long to load.
const WHOLE: Readonly<Record<string, string>> = {
  ConfigError: 'configuration_refused',
  SecurityRefusal: 'security_refused',
  StartRefusal: 'start_refused',
  VaultError: 'secret_unreadable',
};

/**
 * Says what went wrong, and what to do next. What was foreseen never shows a stack.
 * @param asked.command  `switchyard` and the words of the command: whose help a usage error points to, and whose things are meant.
 * @param asked.json     Whether the caller is a script: then the error is the envelope of product section 1, on one line.
 */
export function explainError(error: unknown, asked: { readonly command: string; readonly json: boolean }): Explained {
  const facts = factsOf(error, asked.command);
  if (asked.json) {
    const { code, type, param, retryable } = facts;
    const message = facts.remedy === null ? facts.message : `${facts.message} ${facts.remedy}`;
    return { exitCode: facts.exitCode, text: `${JSON.stringify({ error: { message, type, param, code, retryable, request_id: null } })}\n` };
  }
  return { exitCode: facts.exitCode, text: `error: ${facts.message}\n${facts.remedy === null ? '' : `  ${facts.remedy}\n`}` };
}

function factsOf(error: unknown, command: string): Facts {
  const refused = { exitCode: 1, type: 'invalid_request_error', param: null, remedy: null, retryable: false } as const;
  if (error instanceof CommanderError || error instanceof UsageError) {
    const see = `See: ${command} --help`;
    return { ...refused, exitCode: 2, code: 'usage', message: usageMessage(error.message), remedy: see };
  }
  if (error instanceof CommandRefusal) return { ...refused, code: error.code, message: error.message, remedy: error.remedy };
  if (error instanceof SwitchyardError) {
    const { type, retry } = error.fault;
    return { exitCode: 1, code: error.code, type, param: error.param, message: error.message, remedy: remedyOf(error, command), retryable: retry !== 'never' };
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = WHOLE[name];
  if (code !== undefined) return { ...refused, code, message };
  return {
    ...refused,
    type: FAULTS.internal_error.type,
    code: 'internal_error',
    message: `A fault of Switchyard itself: ${scrubText(stack ?? message)}`,
    remedy: 'Please report it with the lines above.',
  };
}

/** Commander's own sentence without its prefix, and without a value that may have been a secret. */
function usageMessage(message: string): string {
  const said = nearOnly(message)
    .replace(/^error: /, '')
    .replaceAll('\n', '. ')
    .replace(/(unknown option '--?[^'=]+)=[^']*'/, "$1'");
  const sentence = said.charAt(0).toUpperCase() + said.slice(1);
  return /unknown option '--?(api-?)?key'/i.test(said)
    ? 'A key is never taken on the command line, where other users of this machine can read it. Put it in a variable and name that with --key-env, or pipe it in with --key-stdin.'
    : sentence.replace(/([^.?!)])$/, '$1.');
}

/** Commander also suggests words that are nothing like what was written; who mistypes a word begins it right. */
function nearOnly(message: string): string {
  const first = (word: string): string => word.replace(/^-+/, '').charAt(0);
  const written = /unknown (?:command|option) '([^']*)'/.exec(message)?.[1] ?? '';
  return message.replace(/\n\(Did you mean (?:one of )?(.*)\?\)$/, (_, words: string) => {
    const near = words.split(', ').filter((word) => first(word) === first(written));
    return near.length === 0 ? '' : `\n(Did you mean ${near.join(' or ')}?)`;
  });
}

function remedyOf(error: SwitchyardError, command: string): string | null {
  // Its message says what to do already.
  if (error.name === 'DatabaseRefusal') return null;
  if (error.code === 'invalid_value' && error.param !== null) return `Correct ${OPTIONS[error.param] ?? error.param}.`;
  const area = AREAS.find(({ commands }) => commands.test(command));
  if (error.code === 'not_found' && area !== undefined) return `See \`${area.list}\` for what there is.`;
  if (error.code === 'name_taken' && area?.end !== undefined) return `Choose another name, or first end the one that has it: \`${area.end} NAME\`.`;
  const shell = SHELL_REMEDIES[error.code];
  return shell === undefined ? error.fault.remedy : shell;
}
