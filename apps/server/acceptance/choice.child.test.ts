import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addAccount, cli, startServer, startTogether, startUpstream } from './harness.ts';
import type { Env, Server, Upstream } from './harness.ts';

// Why an account, and what else it could have been: by command, over our own API, and with a heuristic of choice switched off at a new start.

const PATIENCE_MS = 120_000;

const opened = new AsyncDisposableStack();
let home: string;
let upstreams: readonly [Upstream, Upstream];
let server: Server;

beforeAll(async () => {
  home = opened.use(await preparedHome()).path;
  opened.defer(async () => void (await server?.end()));
  upstreams = await startTogether<readonly [Upstream, Upstream]>(opened, startUpstream(), startUpstream());
  server = await startServer(home);
  for (const [i, upstream] of upstreams.entries()) await addAccount(server, upstream, `a${i + 1}`, ['m', 'spark']);
}, PATIENCE_MS);
afterAll(() => opened.disposeAsync(), PATIENCE_MS);

async function restart(env: Env): Promise<void> {
  await server.end();
  server = await startServer(home, env);
}

async function ask(model = 'm'): Promise<{ readonly id: string; readonly status: number; readonly account: string | null }> {
  const response = await server.ask('/v1/responses', { model, input: 'hello' });
  await response.text();
  return {
    id: response.headers.get('x-switchyard-request-id')!,
    status: response.status,
    account: response.headers.get('x-switchyard-account'),
  };
}

/** What the command line says of a request, once that is in the log. */
async function why(id: string): Promise<string> {
  for (;;) {
    const { code, stdout } = await cli(home, ['why', id]);
    if (code === 0 && !stdout.includes('still running')) return stdout;
  }
}

const post = async (path: string, body: object): Promise<unknown> =>
  (await server.admin(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();

/** Makes an upstream tell its quota with every answer. */
async function tells(which: 0 | 1, usedPercent: number, resetInS: number): Promise<void> {
  const resetAt = Math.ceil(Date.now() / 1_000) + resetInS;
  const quota = { primary: { usedPercent, windowMinutes: 300, resetAt }, secondary: { usedPercent: 0, windowMinutes: 10_080, resetAt } };
  await upstreams[which].script({ rules: [{ times: 'always', answer: { quota } }] });
}

test(
  'what decided a choice is told by why, by its replay and by an explanation, and is otherwise once it is switched off',
  async () => {
    // The first is nearly out but soon full again, and the other has quota that must last for hours: only the band speaks for that.
    await tells(0, 96, 600);
    await tells(1, 10, 360_000);
    expect([(await ask()).account, (await ask()).account]).toEqual(['a1', 'a2']);
    const chosen = await ask();
    expect(chosen.account).toBe('a2');
    expect(await why(chosen.id)).toContain('Would have been chosen otherwise: without how much quota is left a1.');
    expect(await post(`/api/decisions/${chosen.id}/replay`, { heuristics: { quota_band: false } })).toMatchObject({ data: [{ winner: 'a1' }] });
    expect(await post(`/api/decisions/${chosen.id}/replay`, { heuristics: { luck: false } })).toMatchObject({
      error: { code: 'invalid_value', param: 'heuristics.luck' },
    });
    const sums = (await post('/api/decisions/replay', { limit: 3 })) as { heuristics: unknown[] };
    expect(sums.heuristics).toContainEqual({ heuristic: 'quota_band', counted: 3, decided: 1 });
    expect(await post('/api/explain', { model: 'm' })).toMatchObject({ winner: 'a2' });
    expect(await post('/api/explain', { model: 'm', key: 'nobody' })).toMatchObject({
      error: { code: 'not_found', param: 'key', message: expect.stringContaining('`switchyard keys list`') as string },
    });

    await restart({ SWITCHYARD_CHOICE_QUOTA_BAND: 'false' });
    expect(await post('/api/explain', { model: 'm' })).toMatchObject({
      winner: 'a1',
      heuristics: expect.arrayContaining([{ heuristic: 'quota_band', on: false, otherwise: 'a2' }]) as unknown,
    });
    const other = await ask();
    expect(other.account).toBe('a1');
    expect(await why(other.id)).not.toContain('without how much quota is left');
    const { decision } = (await (await server.admin(`/api/decisions/${other.id}`)).json()) as { decision: { switched_off: string[] } };
    expect(decision.switched_off).toEqual(['quota_band']);
  },
  PATIENCE_MS,
);

test(
  'a limit of one model leaves an account its others, and the command line says which model it refuses',
  async () => {
    for (const upstream of upstreams) await upstream.clearScript();
    await upstreams[0].script({
      rules: [
        {
          match: { model: 'spark' },
          times: 'always',
          answer: {
            status: 429,
            headers: { 'x-codex-active-limit': 'codex_spark', 'x-codex-primary-used-percent': '30', 'x-codex-primary-reset-at': '1' },
            body: { error: { type: 'usage_limit_reached', message: 'limit', resets_in_seconds: 600 } },
          },
        },
      ],
    });
    const refusals = async (): Promise<number> => (await upstreams[0].received()).filter(({ status }) => status === 429).length;
    while ((await refusals()) === 0) expect(await ask('spark')).toMatchObject({ status: 200, account: 'a2' });
    let quota = '';
    while (!quota.includes('a1 refuses spark until ')) quota = (await cli(home, ['quota'])).stdout;
    const before = await refusals();
    for (let i = 0; i < 4; i++) expect(await ask('spark')).toMatchObject({ status: 200, account: 'a2' });
    expect(await refusals()).toBe(before);
    const served = new Set<string | null>();
    while (!served.has('a1')) served.add((await ask('m')).account);
  },
  PATIENCE_MS,
);

test(
  'with nobody left the command line says why, of how many, until when, and what to do',
  async () => {
    const resetsAt = Math.ceil(Date.now() / 60_000) * 60 + 3_630; // the middle of a minute
    const answer = { status: 429, body: { error: { type: 'usage_limit_reached', message: 'limit', resets_at: resetsAt } } };
    for (const upstream of upstreams) await upstream.script({ rules: [{ times: 'always', answer }] });
    expect((await ask()).status).toBe(429);
    const refused = await ask();
    expect(refused).toMatchObject({ status: 429, account: null });
    const text = await why(refused.id);
    expect(text).toContain('`switchyard quota lift NAME`');
    expect(text).toContain(`Why no account
  Every account that could serve it was out of quota.
  In the pool default: 2 accounts serve it; passed over: 2 that refused for their quota.
  Quota is there again at ${new Date(resetsAt * 1_000).toISOString().slice(0, 16).replace('T', ' ')}:`);
    const unknown = await ask('nobody-has-this');
    expect(unknown.status).toBe(404);
    expect(await why(unknown.id)).toContain('No account that it may use serves the model.');
  },
  PATIENCE_MS,
);
