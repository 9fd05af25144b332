import { execFile } from 'node:child_process';

/**
 * The first line in which a program tells its version.
 * @throws Error saying how to install it when it is not there.
 */
export function programVersion(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, (error, stdout, stderr) => {
      const line = `${stdout}${stderr}`.split('\n', 1)[0]?.trim() ?? '';
      if (error === null || line !== '') resolve(line);
      else reject(new Error(`${program} is not installed here (Debian: apt-get install ${program}): ${error.message}`));
    });
  });
}
