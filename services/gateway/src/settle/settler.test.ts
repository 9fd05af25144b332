import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createMetrics } from '@switchyard/observability';
import { fakeClock, recordingLogger } from '@switchyard/testkit';
import { expect, test } from 'vitest';
import { testExchange } from '../../test/test-exchange.ts';
import { takePlace } from '../admission/lease.ts';
import { account, figuresAt } from '../choice/fixtures/accounts.ts';
import type { Exchange } from '../exchange.ts';
import { BodyMemory } from '../intake/read-body.ts';
import { openGatewayMetrics } from '../metrics.ts';
import { Settler } from './settler.ts';

function open() {
  const clock = fakeClock();
  const { live } = figuresAt();
  const registry = createMetrics({ process: false });
  const left: string[] = [];
  const ended: string[] = [];
  const log = recordingLogger();
  const settler = new Settler({
    gate: { leave: ({ id }) => void left.push(id) },
    live,
    memory: new BodyMemory(1_000),
    journal: { opened: () => {}, ended: ({ id }) => void ended.push(id) },
    metrics: openGatewayMetrics(registry),
    log,
    nowMs: clock.now,
  });
  const socket = { destroyed: false };
  const response = new EventEmitter();
  const request: unknown = { method: 'POST', socket };
  const exchange = testExchange('responses.create', request as IncomingMessage, response as Exchange['response']);
  settler.open(exchange);
  const reclaimed = async (): Promise<number> => Number(/^switchyard_leases_reclaimed_total (\d+)$/m.exec(await registry.render())![1]);
  return { clock, live, settler, exchange, socket, response, left, ended, log, reclaimed };
}

test('an exchange is settled when its response closes, once', async () => {
  const { settler, response, left, ended, reclaimed } = open();
  response.emit('close');
  response.emit('close');
  expect([left, ended, settler.openCount, await reclaimed()]).toEqual([['req_test'], ['req_test'], 0, 0]);
});

test('whatever it holds at an account is given back with it, whoever else forgets to', () => {
  const { live, settler, exchange, response } = open();
  takePlace(exchange, account(live, 'a'), live);
  expect(live.totalInFlight).toBe(1);
  response.emit('close');
  expect(live.totalInFlight).toBe(0);
  // An attempt that took a place while the client left.
  takePlace(exchange, account(live, 'a'), live);
  settler.letGoIfOver(exchange);
  expect(live.totalInFlight).toBe(0);
});

test('one whose connection is gone and whose response never closes is settled after five seconds, counted and told', async () => {
  const { clock, settler, socket, response, left, log, reclaimed } = open();
  settler.reclaim();
  socket.destroyed = true;
  await clock.advance(1_000);
  settler.reclaim();
  await clock.advance(5_000);
  settler.reclaim();
  expect([left, settler.openCount]).toEqual([[], 1]);
  await clock.advance(1);
  settler.reclaim();
  expect([left, settler.openCount, await reclaimed()]).toEqual([['req_test'], 0, 1]);
  expect(log.records.map(({ event }) => event)).toEqual(['lease_reclaimed']);
  response.emit('close');
  settler.reclaim();
  expect([left, await reclaimed()]).toEqual([['req_test'], 1]);
});
