#!/usr/bin/env node
import { runCli } from './run-cli.ts';

// A reader that has seen enough (`switchyard logs | head`) is no fault of anyone's.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// npm runs a script in the folder of its package; the paths of a command, and codex, are meant for where it was called.
const { INIT_CWD: calledIn, npm_lifecycle_event: script } = process.env;
if (script === 'switchyard' && calledIn !== undefined) process.chdir(calledIn);

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: process.stdout,
  err: process.stderr,
  // Only when it is asked for: Node switches a pipe to a mode in which a program that is run with it finds nothing to read.
  get input() {
    return process.stdin;
  },
  signals: process,
});
