import { openStreams } from './open-streams.ts';

// A client program of its own, to be killed: opens streams, says `begun` when all have, and holds them until it ends.
const [url, key, model, count] = process.argv.slice(2) as [string, string, string, string];
const streams = openStreams(
  url,
  key,
  Array.from({ length: Number(count) }, () => model),
);
await streams.begun;
process.stdout.write('begun\n');
await streams.ended;
