import { readFileSync } from 'node:fs';
import { parseScript, runSimulator } from '@switchyard/simulator';
import type { Script } from '@switchyard/simulator';
import type { Cli } from '../cli.ts';
import { CommandRefusal } from '../refusals.ts';

/** `switchyard simulate`: the scriptable upstream on its own, until it is told to stop. */
export async function simulate({ host, port, script }: { readonly host: string; readonly port: number; readonly script?: string }, cli: Cli): Promise<number> {
  const told = script === undefined ? {} : { script: readScript(script) };
  try {
    return await runSimulator({ mode: 'scriptable', host, port, ...told }, cli);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE')
      throw new CommandRefusal(
        'port_in_use',
        `Port ${port} on ${host} is in use by another program.`,
        'Choose another with --port, or 0 for a free one.',
        error,
      );
    if (code === 'EACCES')
      throw new CommandRefusal('port_refused', `This user may not listen on port ${port}.`, 'Choose a port above 1023 with --port.', error);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new CommandRefusal('no_such_address', `${host} is not an address of this machine.`, 'Name one that is with --host, such as 127.0.0.1.', error);
    throw error;
  }
}

function readScript(path: string): Script {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandRefusal(
      'file_unreadable',
      `The script ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
      'Check the path and its permissions.',
      error,
    );
  }
  let script: unknown;
  try {
    script = JSON.parse(text);
  } catch (error) {
    throw new CommandRefusal('invalid_json', `The script ${path} is not JSON: ${(error as Error).message}.`, 'Correct it there.', error);
  }
  return parseScript(script);
}
