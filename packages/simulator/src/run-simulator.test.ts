import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { runSimulator } from './run-simulator.ts';

test.each(['SIGTERM', 'SIGINT'])('prints one ready line, serves, and ends with 0 on %s', async (signal) => {
  const signals = new EventEmitter();
  const lines = new EventEmitter();
  const first = once(lines, 'line') as Promise<[string]>;
  const ended = runSimulator({ mode: 'scriptable', port: 0 }, { signals, out: { write: (text: string) => lines.emit('line', text) } });
  const [line] = await first;
  expect(line).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+\n$/);
  const url = line.slice('ready '.length).trim();
  expect((await fetch(`${url}/v1/models`)).status).toBe(200);
  signals.emit(signal);
  expect(await ended).toBe(0);
  await expect(fetch(`${url}/v1/models`)).rejects.toThrow('fetch failed');
  expect(signals.eventNames()).toEqual([]);
});

test('a busy port is an error, not a silence', async () => {
  const signals = new EventEmitter();
  const lines: string[] = [];
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const out = {
    write: (text: string) => {
      lines.push(text);
      resolve();
    },
  };
  const first = runSimulator({ mode: 'scriptable' }, { signals, out });
  await ready;
  const port = Number(/:(\d+)\n/.exec(lines[0] ?? '')?.[1]);
  await expect(runSimulator({ mode: 'scriptable', port }, { signals, out })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  signals.emit('SIGTERM');
  await first;
});
