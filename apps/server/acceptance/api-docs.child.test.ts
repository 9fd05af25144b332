import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { preparedHome } from '@switchyard/testkit/prepared-home';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openChromium } from '../../../tools/open-chromium.ts';
import { KEY, startServer } from './harness.ts';
import type { Server } from './harness.ts';

// What a person sees of the API in a browser. Where CI is set, a machine that has no Chromium fails this file.
const browser: Browser | null = await openChromium().catch((error: unknown) => (process.env['CI'] === undefined ? null : Promise.reject(error as Error)));

describe.skipIf(browser === null)('the page of the API, in Chromium (without one: CHROMIUM=/path/to/chromium)', { timeout: 120_000 }, () => {
  const opened = new AsyncDisposableStack();
  let server: Server;
  beforeAll(async () => {
    opened.defer(() => browser!.close());
    const home = opened.use(await preparedHome());
    server = opened.use(await startServer(home.path));
  });
  afterAll(() => opened.disposeAsync());

  interface Visit {
    readonly page: Page;
    /** What the browser complained of, breaches of the content security policy among it. */
    readonly complaints: string[];
    readonly requested: string[];
  }

  /** Opens the page without any credential, as a newcomer does. */
  async function visit(options: BrowserContextOptions = {}): Promise<Visit> {
    const context = await browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const complaints: string[] = [];
    const requested: string[] = [];
    page.on('console', (message) => (['error', 'warning'].includes(message.type()) ? complaints.push(message.text()) : 0));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requested.push(request.url()));
    await page.addInitScript("addEventListener('securitypolicyviolation', (event) => console.error(event.violatedDirective, event.blockedURI))");
    await page.goto(`${server.url}/api/docs`);
    await page.locator('.opblock').first().waitFor();
    return { page, complaints, requested };
  }

  const operation = (page: Page, method: string, path: string): Locator =>
    page.locator(`.opblock-${method}`).filter({ has: page.locator(`.opblock-summary-path[data-path="${path}"]`) });

  async function authorize(page: Page, scheme: string, secret: string): Promise<void> {
    await page.getByRole('button', { name: 'Authorize', exact: true }).first().click();
    const form = page.locator('.auth-container').filter({ has: page.getByRole('heading', { name: scheme }) });
    await form.locator('input').fill(secret);
    await form.getByRole('button', { name: 'Authorize' }).click();
    await form.getByRole('button', { name: 'Logout' }).waitFor();
    await page.locator('.modal-ux').getByRole('button', { name: 'Close' }).first().click();
  }

  /** Runs an operation that is open. @returns what the page shows of the answer */
  async function execute(opened_: Locator): Promise<string> {
    await opened_.getByRole('button', { name: 'Execute' }).click();
    const answer = opened_.locator('.live-responses-table tbody');
    await answer.waitFor();
    return await answer.innerText();
  }

  /** What axe finds that keeps people out. */
  async function barriers(page: Page): Promise<string[]> {
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
      violations: { id: string; impact: string; nodes: { target: string[] }[] }[];
    };
    return violations
      .filter(({ impact }) => /serious|critical/.test(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  }

  test('lists every operation of the served document, asks nobody but the server, and breaks no rule of its own', async () => {
    const { page, complaints, requested } = await visit();
    const { paths } = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as { paths: Record<string, Record<string, unknown>> };
    const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
    const shown: string[] = [];
    for (const block of await page.locator('.opblock').all())
      shown.push(`${await block.locator('.opblock-summary-method').innerText()} ${await block.locator('[data-path]').getAttribute('data-path')}`);
    expect(described.length).toBeGreaterThan(20);
    expect(shown.toSorted()).toEqual(described.toSorted());
    expect(complaints).toEqual([]);
    expect(requested.filter((url) => !url.startsWith(`${server.url}/`))).toEqual([]);
  });

  test('whoever knows the admin token and a key can try both sides; before, the answer says what is missing', async () => {
    const { page, requested } = await visit();
    const accounts = operation(page, 'get', '/api/accounts');
    await accounts.locator('.opblock-summary-control').click();
    expect(await execute(accounts)).toMatch(/^401[^]*admin_token_required/);
    await authorize(page, 'adminToken', server.adminToken);
    const answered = page.waitForResponse((response) => response.url().endsWith('/api/accounts') && response.status() === 200);
    await accounts.getByRole('button', { name: 'Execute' }).click();
    await answered;
    await accounts.locator('.live-responses-table').getByText('"sandbox"').first().waitFor();

    await authorize(page, 'key', KEY);
    const chat = operation(page, 'post', '/v1/chat/completions');
    await chat.locator('.opblock-summary-control').click();
    expect(await execute(chat)).toMatch(/^200[^]*You said: hello/);
    expect(requested.filter((url) => !url.startsWith(`${server.url}/`))).toEqual([]);

    await page.reload();
    await accounts.locator('.opblock-summary-control').click();
    expect(await execute(accounts)).toMatch(/^401/); // what it was told is gone with the page
  });

  test('asks for the key before the admin token, and every body that it fills in is answered well as it stands', async () => {
    const { page } = await visit();
    await page.getByRole('button', { name: 'Authorize', exact: true }).first().click();
    expect(await page.locator('.auth-container h4').allInnerTexts()).toEqual([expect.stringMatching(/^key\b/), expect.stringMatching(/^adminToken\b/)]);
    await page.locator('.modal-ux').getByRole('button', { name: 'Close' }).first().click();
    await authorize(page, 'adminToken', server.adminToken);
    await authorize(page, 'key', KEY);

    const { paths } = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as {
      paths: Record<string, { post?: { requestBody?: { required: boolean } } }>;
    };
    const filledIn = Object.entries(paths).flatMap(([path, { post }]) => (post?.requestBody?.required === true ? [path] : []));
    expect(filledIn).toEqual(expect.arrayContaining(['/v1/embeddings', '/api/keys', '/api/accounts']));
    for (const path of filledIn) {
      const tried = operation(page, 'post', path);
      await tried.locator('.opblock-summary-control').click();
      expect([path, await execute(tried)]).toEqual([path, expect.stringMatching(/^20[01]\b/)]);
    }
    const metrics = operation(page, 'get', '/metrics');
    await metrics.locator('.opblock-summary-control').click();
    expect(await execute(metrics)).toMatch(/^200[^]*switchyard_accounts 2/);
  });

  test('an operation can be reached and opened with the keyboard alone', async () => {
    const { page } = await visit();
    const target = operation(page, 'get', '/v1/models').locator('.opblock-summary-control');
    let steps = 0;
    while (!(await target.evaluate((element) => element.matches(':focus')))) {
      expect(++steps).toBeLessThan(100);
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await operation(page, 'get', '/v1/models').getByRole('button', { name: 'Execute' }).waitFor();
  });

  test('on a phone nothing sticks out at the side, also with an answer open', async () => {
    const { page } = await visit({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    const width = (): Promise<number> => page.evaluate('document.documentElement.scrollWidth');
    expect(await width()).toBe(390);
    await authorize(page, 'key', KEY);
    const chat = operation(page, 'post', '/v1/chat/completions');
    await chat.locator('.opblock-summary-control').click();
    await execute(chat);
    expect(await width()).toBe(390);
  });

  test('it is dark for people who want it dark, and follows when they change their mind', async () => {
    const { page } = await visit({ colorScheme: 'dark' });
    // The first of these that is painted at all is what people see behind the text.
    const brightness = async (): Promise<number> => {
      const colours = (await page.evaluate(
        "['.swagger-ui', 'body', 'html'].map((each) => getComputedStyle(document.querySelector(each)).backgroundColor)",
      )) as string[];
      const painted = colours.find((colour) => colour !== 'rgba(0, 0, 0, 0)') ?? 'rgb(255, 255, 255)';
      return Math.max(...painted.match(/\d+/g)!.slice(0, 3).map(Number));
    };
    expect(await brightness()).toBeLessThan(60);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.locator('html:not(.dark-mode)').waitFor();
    expect(await brightness()).toBe(255);
  });

  test.each(['light', 'dark'] as const)(
    'axe finds nothing serious in the %s page: closed, asking for a secret, and with an answer open',
    async (colorScheme) => {
      const { page } = await visit({ colorScheme });
      expect(await barriers(page)).toEqual([]);
      await page.getByRole('button', { name: 'Authorize', exact: true }).first().click();
      expect(await barriers(page)).toEqual([]);
      await page.locator('.modal-ux').getByRole('button', { name: 'Close' }).first().click();
      await authorize(page, 'key', KEY);
      const chat = operation(page, 'post', '/v1/chat/completions');
      await chat.locator('.opblock-summary-control').click();
      await execute(chat);
      expect(await barriers(page)).toEqual([]);
    },
  );
});
