import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCodex } from '@switchyard/simulator/codex-exec';
import type { CodexResult, CodexRun } from '@switchyard/simulator/codex-exec';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchCodex, findCodex } from '../../../tools/fetch-codex.mjs';
import { KEY, addAccount, startServer, startTogether, startUpstream, until } from './harness.ts';
import type { ReceivedRequest, Server, Upstream } from './harness.ts';

// Conversations of the real codex between two accounts: what each upstream saw tells whether they stayed where they began.

const bin = process.env['CI'] === undefined ? findCodex() : await fetchCodex();
// CODEX_HOME under the system's temporary folder makes codex complain on stderr (codex-protocol 7.2).
const scratch = fileURLToPath(new URL('../../../.cache/', import.meta.url));
const PATIENCE_MS = 120_000;

describe.skipIf(bin === undefined)('the real codex between two accounts (without it: node tools/fetch-codex.mjs)', () => {
  const shared = new AsyncDisposableStack();
  let opened: AsyncDisposableStack;
  let server: Server;
  let upstreams: readonly [Upstream, Upstream];

  beforeAll(async () => {
    upstreams = await startTogether(shared, startUpstream(), startUpstream());
  }, PATIENCE_MS);
  afterAll(() => shared.disposeAsync(), PATIENCE_MS);

  // A server for each test: an account that is out of quota stays so, and conversations are found again by their threads.
  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const state = opened.use(await preparedHome());
    server = opened.use(await startServer(state.path));
    for (const upstream of upstreams) await upstream.reset();
    for (const [i, upstream] of upstreams.entries()) await addAccount(server, upstream, `a${i + 1}`, undefined, { websocket: true });
    for (const upstream of upstreams) await upstream.reset();
  }, PATIENCE_MS);
  afterEach(() => opened.disposeAsync(), PATIENCE_MS);

  /** The home of one terminal, gone with the test. */
  async function terminal(): Promise<string> {
    await mkdir(scratch, { recursive: true });
    const home = await mkdtemp(join(scratch, 'codex-accounts-'));
    opened.defer(() => rm(home, { recursive: true, force: true }));
    return home;
  }

  const exec = (home: string, prompt: string, more: Partial<CodexRun> = {}): Promise<CodexResult> =>
    runCodex({ bin: bin!, home, baseUrl: `${server.url}/v1`, key: KEY, prompt, ...more });
  const counts = (): Promise<number[]> => Promise.all(upstreams.map(async (upstream) => (await upstream.counters()).received));

  const bodyOf = ({ body }: ReceivedRequest): string => JSON.stringify(body);

  /** Takes a first turn that leaves a sealed item behind. @returns its thread, and the places of the account that sealed it and of the other */
  async function begin(home: string, websockets: boolean): Promise<{ threadId: string; owner: Upstream; other: Upstream }> {
    for (const upstream of upstreams) await upstream.script({ rules: [{ times: 'always', answer: { say: { text: 'Noted.', reasoning: 'A bird.' } } }] });
    const first = await exec(home, 'remember the word heron', { websockets });
    expect([first.code, first.messages]).toEqual([0, ['Noted.']]);
    const [owner, other] = (await counts())[0]! > 0 ? upstreams : upstreams.toReversed();
    expect((await other!.counters()).received).toBe(0);
    return { threadId: first.threadId, owner: owner!, other: other! };
  }

  test(
    'an owner that has run out meanwhile is told in codex’s own words, whoever tells it, and nobody else is asked',
    async () => {
      const home = await terminal();
      const { threadId, owner, other } = await begin(home, false);
      const error = { type: 'usage_limit_reached', message: 'limit', resets_at: Math.floor(Date.now() / 1_000) + 7_200 };
      await owner.clearScript();
      await owner.script({ rules: [{ answer: { status: 429, body: { error } } }] });
      // The account says it to the first process, and the gateway to the second.
      for (const asked of [2, 2]) {
        const { code, events } = await exec(home, 'what was it', { resume: threadId, retries: 3 });
        expect([code, events.at(-1)?.type, JSON.stringify(events.at(-1))]).toEqual([1, 'turn.failed', expect.stringContaining('hit your usage limit')]);
        expect([(await owner.counters()).received, (await other.counters()).received]).toEqual([asked, 0]);
      }
      expect(bodyOf((await owner.received()).at(-1)!)).toContain('"encrypted_content":"sealed_');
      // It is the conversation that waits, not the terminal: a new one is served by the other account.
      const anew = await exec(home, 'something else');
      expect([anew.code, (await other.counters()).received]).toEqual([0, 1]);
    },
    PATIENCE_MS,
  );

  test(
    'over a WebSocket it is told so too, though the warm-up, which carries nothing yet, goes to the other',
    async () => {
      const home = await terminal();
      const { threadId, owner, other } = await begin(home, true);
      const error = { type: 'usage_limit_reached', message: 'limit', resets_at: Math.floor(Date.now() / 1_000) + 7_200 };
      await owner.clearScript();
      await owner.script({ rules: [{ times: 'always', answer: { status: 429, body: { error } } }] });
      for (const asked of [3, 3]) {
        const { code, events } = await exec(home, 'what was it', { resume: threadId, retries: 3, websockets: true });
        expect([code, events.at(-1)?.type, JSON.stringify(events.at(-1))]).toEqual([1, 'turn.failed', expect.stringContaining('hit your usage limit')]);
        expect((await owner.counters()).received).toBe(asked);
      }
      const elsewhere = await other.received();
      expect(elsewhere.filter(({ body }) => (body as { generate?: boolean }).generate !== false)).toEqual([]);
      expect(elsewhere.some((each) => bodyOf(each).includes('"encrypted_content":'))).toBe(false);
    },
    PATIENCE_MS,
  );

  test.each([
    ['HTTP', false],
    ['WebSocket', true],
  ] as const)(
    'two terminals at once keep to an account each, turn for turn, over %s',
    async (_, websockets) => {
      const call = { say: { calls: [{ name: 'exec_command', arguments: { cmd: 'echo hi' } }] } };
      // Over a WebSocket each process warms up first, so that its turn is the second that it asks for.
      const rules = [
        { match: { nth: 1 }, answer: { hold: { at: 'before_head', gate: 'both' } } },
        { match: { nth: websockets ? 4 : 2 }, answer: call },
      ];
      for (const upstream of upstreams) await upstream.script({ rules });
      const words = ['heron', 'otter'];
      const talks = Promise.all(
        words.map(async (word) => {
          const home = await terminal();
          const turns = [await exec(home, `remember the word ${word}`, { websockets })];
          for (const prompt of ['run it', 'go on', 'what was it']) turns.push(await exec(home, prompt, { resume: turns[0]!.threadId, websockets }));
          return turns;
        }),
      );
      await until(counts, (each) => each.every((count) => count === 1));
      for (const upstream of upstreams) await upstream.release('both');
      const threads = (await talks).map((turns, i) => {
        expect(turns.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
        expect(turns.map(({ messages }) => messages.at(-1))).toMatchObject([
          `You said: remember the word ${words[i]}`,
          expect.stringContaining('The tool answered'),
          'You said: go on',
          'You said: what was it',
        ]);
        expect(turns[1]!.commands).toMatchObject([{ output: 'hi\n', exitCode: 0 }]);
        return turns[0]!.threadId;
      });
      const seen: (string | undefined)[] = [];
      for (const upstream of upstreams) {
        const received = await upstream.received();
        expect(received).toHaveLength(websockets ? 9 : 5);
        const [thread, ...others] = new Set(received.map(({ headers }) => headers['thread-id']));
        expect(others).toEqual([]);
        const [mine, foreign] = thread === threads[0] ? words : words.toReversed();
        expect(received.some((each) => bodyOf(each).includes(`remember the word ${mine}`))).toBe(true);
        expect(received.some((each) => bodyOf(each).includes(foreign!))).toBe(false);
        expect(received.every(({ socket, outcome }) => (socket !== null) === websockets && outcome === 'completed')).toBe(true);
        seen.push(thread);
      }
      expect(new Set(seen)).toEqual(new Set(threads));
    },
    PATIENCE_MS,
  );

  // The name of its provider decides how codex compacts (codex-protocol 5).
  test.each([
    ['a summary that it asks for in words', undefined],
    ['an item that only its account can read', 'OpenAI'],
  ] as const)(
    'a conversation that is compacted to %s goes on at the account that compacted it',
    async (_, name) => {
      const home = await terminal();
      const tokenUrl = `${server.url}/oauth/token`;
      const login = {
        accessToken: KEY,
        refreshToken: 'rt-of-nobody-not-a-secret',
        accountId: 'acct-client',
        backendUrl: `${server.url}/backend-api`,
        tokenUrl,
      };
      const more: Partial<CodexRun> = { config: ['model_auto_compact_token_limit = 20000'], ...(name === undefined ? {} : { login }) };
      const full = { say: { text: 'Noted.', usage: { input: 50_000, output: 10 } } };
      for (const upstream of upstreams) await upstream.script({ rules: [{ match: { nth: 1 }, answer: full }] });
      const first = await exec(home, 'remember the word heron', more);
      const resume = first.threadId;
      const second = await exec(home, 'and the word otter', { ...more, resume });
      const third = await exec(home, 'go on', { ...more, resume });
      expect([first, second, third].map(({ code, messages }) => [code, messages.at(-1)])).toEqual([
        [0, 'Noted.'],
        [0, 'You said: and the word otter'],
        [0, 'You said: go on'],
      ]);

      expect((await counts()).toSorted((a, b) => a - b)).toEqual([0, 4]);
      const received = (await Promise.all(upstreams.map((upstream) => upstream.received()))).flat();
      const kinds = received.map(({ headers }) => (JSON.parse(headers['x-codex-turn-metadata']!) as { request_kind: string }).request_kind);
      expect(kinds).toEqual(['turn', 'compaction', 'turn', 'turn']);
      const sealed = /"type":"compaction","(id":"[^"]*",")?encrypted_content":"sealed_|"encrypted_content":"sealed_[^}]*"type":"compaction"/;
      expect(received.map((each) => sealed.test(bodyOf(each)))).toEqual([false, false, name !== undefined, name !== undefined]);
      const rows = ((await (await server.admin('/api/logs?limit=4')).json()) as { data: { id: string }[] }).data.toReversed();
      const decisions = await Promise.all(
        rows.map(
          async ({ id }) => (await (await server.admin(`/api/decisions/${id}`)).json()) as { decision: { affinity: { kind: string; strength: string } } },
        ),
      );
      // What is sealed binds for good; a summary in words could go on anywhere, and is only better off where it is.
      expect(decisions.slice(1).map(({ decision: { affinity } }) => [affinity.kind, affinity.strength])).toEqual(
        name === undefined
          ? Array.from({ length: 3 }, () => ['session', 'soft'])
          : [
              ['session', 'hard'],
              ['lineage_session', 'hard'],
              ['lineage_session', 'hard'],
            ],
      );
    },
    PATIENCE_MS,
  );
});
