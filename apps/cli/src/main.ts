#!/usr/bin/env node
import { runCli } from './run-cli.ts';

// A reader that has seen enough (`switchyard logs | head`) is no fault of anyone's.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: process.stdout,
  err: process.stderr,
  input: process.stdin,
  signals: process,
});
