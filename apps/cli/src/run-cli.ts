import { CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { makeProgram } from './program.ts';

/** Codes of commander's that are no error: the text that was asked for has been printed. */
const ANSWERED: ReadonlySet<string> = new Set(['commander.helpDisplayed', 'commander.help', 'commander.version']);

/**
 * Runs one command line.
 * @param argv  What stands behind `switchyard`.
 * @returns the exit code: 0 done, 1 refused or failed, 2 written wrongly
 */
export async function runCli(argv: readonly string[], cli: Cli): Promise<number> {
  let code = 0;
  const program = makeProgram(cli, (ended) => void (code = ended));
  try {
    await program.parseAsync(upToUnknown(program, argv), { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && ANSWERED.has(error.code)) return error.exitCode === 0 ? 0 : 2;
    const { explainError } = await import('./explain-error.ts');
    const explained = explainError(error, { command: namedCommand(program, argv), json: argv.includes('--json') });
    cli.err.write(explained.text);
    return explained.exitCode;
  }
}

/** A command line up to the word that should name a command and does not: else a `--help` behind it would be answered as if all were well. */
function upToUnknown(program: ReturnType<typeof makeProgram>, argv: readonly string[]): readonly string[] {
  let at = program;
  for (const [n, word] of argv.entries()) {
    if (at.commands.length === 0 || word.startsWith('-') || word === 'help') break;
    const below = at.commands.find((command) => command.name() === word);
    if (below === undefined) return argv.slice(0, n + 1);
    at = below;
  }
  return argv;
}

/** The words of a command line that name a command: where its help is found. */
function namedCommand(program: ReturnType<typeof makeProgram>, argv: readonly string[]): string {
  const words = [program.name()];
  let at = program;
  for (const word of argv) {
    const below = at.commands.find((command) => command.name() === word);
    if (below === undefined) break;
    words.push(word);
    at = below;
  }
  return words.join(' ');
}
