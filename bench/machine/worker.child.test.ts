import { hash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatBody } from '../load/request.ts';
import { writeScript } from '../mock/script.ts';
import { findFaults } from '../report/faults.ts';
import { bareNode } from '../subjects/bare-node.ts';
import type { RunningSubject } from '../subjects/subject.ts';
import { startLoad, startMock } from './worker.ts';
import type { Load, Mock } from './worker.ts';

const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-test-'));
let mock: Mock;
let load: Load;
let bare: RunningSubject;

beforeAll(async () => {
  mock = await startMock(undefined, join(folder, 'mock.log'));
  load = await startLoad(undefined, join(folder, 'load.log'));
  bare = await bareNode.start({ upstreamPort: mock.port, core: undefined, folder });
});

afterAll(async () => {
  await Promise.all([bare?.end(), load?.child.end(), mock?.child.end()]);
  rmSync(folder, { recursive: true, force: true });
});

const watched = () => ({ subject: [bare.pid], mock: mock.child.pid, idlers: [] });

test('the bare floor answers every request with the bytes of the mock', async () => {
  const result = await load.run({
    kind: 'requests',
    target: bare.chat,
    method: 'POST',
    connections: 8,
    expectStatus: 200,
    settleMs: 0,
    windowMs: 300,
    watched: watched(),
  });
  expect(findFaults([{ round: 1, subject: 'bare-node', measure: 'unary', result }])).toEqual([]);
  expect(result.identical).toBeGreaterThan(0);
  expect(result.window.subjectNs.own).toBeGreaterThan(0);
});

test('a large body reaches the mock whole', async () => {
  const before = await mock.stats();
  const result = await load.run({
    kind: 'requests',
    target: bare.chat,
    method: 'POST',
    bodyBytes: 1_048_576,
    connections: 2,
    expectStatus: 200,
    settleMs: 0,
    windowMs: 300,
    watched: watched(),
  });
  const after = await mock.stats();
  const sent = hash('sha256', chatBody(undefined, 1_048_576));
  const uploads = { uploadsSampled: after.bodyHashes.length, uploadsIdentical: after.bodyHashes.filter((seen) => seen === sent).length };
  expect(uploads.uploadsSampled).toBeGreaterThan(0);
  expect(findFaults([{ round: 1, subject: 'bare-node', measure: 'bodies', result: { ...result, ...uploads } }])).toEqual([]);
  expect(after.requests - before.requests).toBeGreaterThanOrEqual(result.requests);
  expect(after.bodyBytes - before.bodyBytes).toBe((after.requests - before.requests) * 1_048_576);
});

test('streamed events arrive in order and unchanged, one by one and flat out', async () => {
  for (const mode of ['credit', 'flat'] as const) {
    const result = await load.run({
      kind: 'events',
      mode,
      target: bare.chat,
      creditPort: mock.creditPort,
      streams: 4,
      events: 10,
      eventBytes: 220,
      settleMs: 0,
      windowMs: 1_000,
      watched: watched(),
    });
    expect(findFaults([{ round: 1, subject: 'bare-node', measure: 'events', result }])).toEqual([]);
    expect(result.streamsEnded).toBeGreaterThan(0);
    expect(result.identical).toBeGreaterThan(0);
  }
});

test('frames over WebSocket arrive in order and unchanged, turn after turn', async () => {
  const result = await load.run({
    kind: 'frames',
    target: bare.socket!,
    creditPort: mock.creditPort,
    sockets: 4,
    frames: 10,
    frameBytes: 220,
    settleMs: 0,
    windowMs: 1_000,
    watched: watched(),
  });
  expect(findFaults([{ round: 1, subject: 'bare-node', measure: 'frames', result }])).toEqual([]);
  expect(result.turnsEnded).toBeGreaterThan(0);
  expect(result.identical).toBeGreaterThan(0);
});

test('requests come at their own pace, however long each takes', async () => {
  const result = await load.run({ kind: 'arrivals', target: bare.chat, perSecond: 100, answerMs: 200, settleMs: 300, windowMs: 1_000 });
  expect(result).toMatchObject({ shed: 0, otherStatus: 0, lostConnections: 0 });
  expect(result.answered).toBeGreaterThan(0);
  expect(result.latencyMs.p50).toBeGreaterThanOrEqual(200);
});

test('the first byte is timed for each target in turn', async () => {
  const direct = { ...bare.chat, port: mock.port };
  const { targets } = await load.run({ kind: 'first-byte', targets: [direct, bare.chat], settle: 2, streams: 20, events: 2, eventBytes: 220 });
  expect(targets.map(({ firstByteUs, failed }) => [firstByteUs.count, failed])).toEqual([
    [20, 0],
    [20, 0],
  ]);
});

test('streams held open are all open, and the mock sees them leave', async () => {
  const before = await mock.stats();
  const result = await load.run({ kind: 'open-streams', target: bare.chat, streams: 50, paceMs: 50, eventBytes: 220, holdMs: 300, watched: watched() });
  expect(findFaults([{ round: 1, subject: 'bare-node', measure: 'paced', result: { ...result, leftRunning: 0 } }])).toEqual([]);
  expect(result).toMatchObject({ open: 50, failed: 0 });
  expect(result.delayUs.p50).toBeGreaterThan(0);
  expect(result.resident.own).toBeGreaterThan(0);
  await expect.poll(async () => (await mock.stats()).streamsOpen, { timeout: 10_000 }).toBe(before.streamsOpen);
});

test('a stream that nobody ends is counted and ended', async () => {
  const script = writeScript({ mode: 'paced', events: 1_000_000, eventBytes: 220, paceMs: 50, id: 0 });
  const stream = await fetch(`http://127.0.0.1:${mock.port}/`, { method: 'POST', body: JSON.stringify({ user: script }) });
  const reader = stream.body!.getReader();
  await reader.read();
  expect(await mock.endStreams()).toBe(1);
  await expect(async () => {
    while (!(await reader.read()).done);
  }).rejects.toThrow();
  await expect.poll(() => mock.endStreams()).toBe(0);
});

test('a job that cannot be done is refused with the reason', async () => {
  const nowhere = { port: 1, path: '/', headers: {} };
  await expect(
    load.run({ kind: 'requests', target: nowhere, method: 'GET', connections: 1, expectStatus: 200, settleMs: 0, windowMs: 1, watched: watched() }),
  ).rejects.toThrow(/The requests load failed: connect ECONNREFUSED/);
});

test('a server that closes after each answer, and says so, loses nothing', async () => {
  const closer = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(200, { connection: 'close', 'content-length': '2' }).end('ok'));
  });
  await new Promise<void>((resolve) => closer.listen(0, '127.0.0.1', resolve));
  const target = { port: (closer.address() as AddressInfo).port, path: '/', headers: {} };
  const result = await load.run({ kind: 'requests', target, method: 'GET', connections: 2, expectStatus: 200, settleMs: 0, windowMs: 200, watched: watched() });
  await new Promise((resolve) => closer.close(resolve));
  expect(result).toMatchObject({ wrongStatus: 0, lostConnections: 0 });
  expect(result.requests).toBeGreaterThan(2);
  expect(result.reopened).toBeGreaterThan(0);
});
