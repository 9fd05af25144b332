import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FencedBlock } from './fenced-blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** What the pages call the address of the server. */
const ADDRESS = 'http://127.0.0.1:4700';

export interface ReaderOptions {
  /** What stands for `https://api.openai.com/v1`. */
  readonly openaiUrl: string;
  /** The program `codex`; without it, blocks that call it cannot be run. */
  readonly codex: string;
}

/** How a block ended. */
export interface BlockResult {
  readonly code: number | null;
  /** stdout and stderr, as they came. */
  readonly output: string;
}

/**
 * Somebody who follows a page literally, on a machine of their own: a fresh home, the clone as working folder, `bash`, and what earlier blocks have told.
 * In place of the words in capitals (`YOUR_KEY`, `REQUEST_ID`, …) stands what a reader would put there. Disposing it ends the server that it started.
 */
export class Reader implements AsyncDisposable {
  readonly #home: string;
  readonly #options: ReaderOptions;
  #server: { readonly child: ChildProcess; readonly exited: Promise<number | null>; address: string } | null = null;
  #told = '';

  private constructor(home: string, options: ReaderOptions) {
    this.#home = home;
    this.#options = options;
  }

  static async arrive(options: ReaderOptions): Promise<Reader> {
    // Not under the system's temporary folder, where codex does not like to live.
    const parent = join(root, '.cache');
    await mkdir(parent, { recursive: true });
    return new Reader(await mkdtemp(join(parent, 'reader-')), options);
  }

  /** Everything that blocks have printed so far. */
  get told(): string {
    return this.#told;
  }

  /** @throws Error when the block is of a kind that a reader cannot follow */
  async follow({ language, text }: FencedBlock): Promise<BlockResult> {
    const said = this.#substituted(text);
    switch (language) {
      case 'sh':
        return said.trim() === 'npm start' ? this.#start() : this.#run('bash', ['-euo', 'pipefail', '-c', said]);
      case 'js':
        return this.#run(process.execPath, ['--input-type=module', '-e', said]);
      case 'toml':
        return this.#write(said);
      default:
        throw new Error(`a reader cannot follow a block of ${language || 'no language'}`);
    }
  }

  /** Waits for the end of the server that a block was to stop. @returns its exit code */
  async serverEnd(): Promise<number | null> {
    const code = await this.#server?.exited;
    this.#server = null;
    return code ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server?.child.kill('SIGTERM');
    await this.serverEnd();
    await rm(this.#home, { recursive: true, force: true, maxRetries: 3 });
  }

  /** The words that a page leaves to its reader. */
  #substituted(text: string): string {
    const last = (pattern: RegExp): string => [...this.#told.matchAll(pattern)].at(-1)?.[0] ?? '';
    return text
      .replaceAll('YOUR_OPENAI_KEY', 'sk-test-reader-not-a-secret')
      .replaceAll('YOUR_KEY', /sk-switchyard-\w+/.exec(this.#told)?.[0] ?? '')
      .replaceAll('REQUEST_ID', last(/(?<=x-switchyard-request-id: )req_\w+/g))
      .replaceAll('https://api.openai.com/v1', this.#options.openaiUrl)
      .replaceAll(ADDRESS, this.#server?.address ?? ADDRESS);
  }

  get #env(): Record<string, string> {
    const path = [dirname(process.execPath), dirname(this.#options.codex), process.env['PATH'] ?? ''].join(delimiter);
    // Nothing but loopback can be reached: what codex asks elsewhere on its own is refused at once.
    const noWay = 'http://127.0.0.1:9';
    return {
      PATH: path,
      HOME: this.#home,
      SWITCHYARD_PORT: '0',
      HTTP_PROXY: noWay,
      HTTPS_PROXY: noWay,
      NO_PROXY: '127.0.0.1',
      npm_config_update_notifier: 'false',
      ...(process.env['NODE_COMPILE_CACHE'] === undefined ? {} : { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] }),
    };
  }

  #spawn(program: string, args: readonly string[]): { child: ChildProcess; exited: Promise<number | null>; output: () => string } {
    const child = spawn(program, args, { cwd: root, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream!.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        this.#told += chunk;
      });
    }
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { child, exited, output: () => output };
  }

  async #run(program: string, args: readonly string[]): Promise<BlockResult> {
    const { exited, output } = this.#spawn(program, args);
    return { code: await exited, output: output() };
  }

  /** `npm start` in another terminal: done when the server says that it is ready. */
  async #start(): Promise<BlockResult> {
    const { child, exited, output } = this.#spawn('npm', ['start']);
    const address = await new Promise<string | null>((resolve) => {
      child.stdout!.on('data', () => {
        const ready = /^ready (http:\S+)$/m.exec(output());
        if (ready !== null) resolve(ready[1]!);
      });
      void exited.then(() => resolve(null));
    });
    if (address === null) return { code: await exited, output: output() };
    this.#server = { child, exited, address };
    return { code: 0, output: output() };
  }

  /** A settings file: its first line is a comment that says where it lies. */
  async #write(text: string): Promise<BlockResult> {
    const path = /^# (~\/\S+)$/m.exec(text.split('\n', 1)[0]!)?.[1];
    if (path === undefined) throw new Error('the first line of a toml block must be a comment with its path, such as # ~/.codex/config.toml');
    const file = join(this.#home, path.slice(2));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return { code: 0, output: '' };
  }
}
