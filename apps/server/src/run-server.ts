import type { LoadedConfig } from '@switchyard/config';
import { createLogger } from '@switchyard/observability';
import type { Logger } from '@switchyard/observability';
import { openServer } from './open-server.ts';
import type { Server } from './open-server.ts';
import { VERSION } from './version.ts';

/** The seams of a process. */
export interface ProcessIo {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
}

/**
 * `switchyard serve` once the configuration is read: serves until SIGTERM or SIGINT, then drains and ends; a second signal ends the
 * drain at once. stdout gets one line.
 * @returns the exit code: 0 after a stop that was asked for, 1 after a fault of ours
 */
export async function runServer(loaded: LoadedConfig, io: ProcessIo = { out: process.stdout, err: process.stderr, signals: process }): Promise<number> {
  const { config, warnings } = loaded;
  const log = createLogger({ level: config['log.level'], component: 'server' });
  for (const warning of warnings) log.warn('config_warning', warning);
  const stop = stopSignal(io.signals, log);
  try {
    const startedMs = performance.now();
    const server = await openServer(config, log);
    try {
      log.info('server_ready', 'The server can serve', { address: server.address, version: VERSION, duration_ms: Math.round(performance.now() - startedMs) });
      io.err.write(greeting(server, loaded));
      io.out.write(`ready ${server.address}\n`);
      const code = await stop.asked;
      void stop.askedAgain.then(() => server.cutOff());
      io.err.write(farewell(server.running(), config['server.drain_timeout_secs']));
      return code;
    } finally {
      await server[Symbol.asyncDispose]();
      log.info('server_stopped', 'The server has stopped');
    }
  } finally {
    stop.forget();
  }
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Signals this soon after the first are the same wish: a terminal sends one to every process, and npm passes its own on. */
const ONE_WISH_MS = 1_000;

interface StopSignal {
  /** Tells the exit code. */
  readonly asked: Promise<number>;
  /** Settles when somebody will not wait any longer. */
  readonly askedAgain: Promise<void>;
  forget(): void;
}

/** Waits for what ends the process. A bug outside any request ends it too, but in good order. */
function stopSignal(signals: ProcessIo['signals'], log: Logger): StopSignal {
  const { promise: asked, resolve } = Promise.withResolvers<number>();
  const { promise: askedAgain, resolve: resolveAgain } = Promise.withResolvers<void>();
  let firstMs: number | null = null;
  const onSignal = (signal: string): void => {
    if (firstMs !== null) {
      if (performance.now() - firstMs >= ONE_WISH_MS) resolveAgain();
      return;
    }
    firstMs = performance.now();
    log.info('server_stopping', 'The server was asked to stop; running requests may end', { signal });
    resolve(0);
  };
  const onBug = (error: unknown): void => {
    log.critical('server_failed', 'A fault that nobody caught; the server stops so that it can be started fresh', { error });
    resolve(1);
  };
  for (const signal of SIGNALS) signals.on(signal, onSignal);
  signals.on('uncaughtException', onBug);
  return {
    asked,
    askedAgain,
    forget() {
      for (const signal of SIGNALS) signals.off(signal, onSignal);
      signals.off('uncaughtException', onBug);
    },
  };
}

/** What a person reads who stopped the server and has to wait for requests that run. */
function farewell(running: number, drainSecs: number): string {
  if (running === 0 || drainSecs === 0) return '';
  const [requests, them] = running === 1 ? ['1 request', 'it'] : [`${running} requests`, 'them'];
  return `\n  Stopping: ${requests} may run up to ${drainSecs} s more; Ctrl-C again cuts ${them} off.\n\n`;
}

/** What a person reads once the server serves: the address, the first key if it is new, and three things to try. */
function greeting(server: Server, { config, origins }: LoadedConfig): string {
  const { home } = config;
  // As it works in another terminal, which knows only the default.
  const switchyard = `${origins.home.kind === 'default' ? '' : `SWITCHYARD_HOME=${shellWord(home)} `}npm run -s switchyard --`;
  const key = server.firstKey ?? 'YOUR_KEY';
  const lines = [
    '',
    `  Switchyard ${VERSION} serves at ${server.address}`,
    `  Base URL for clients: ${server.address}/v1`,
    `  Its API, to read and to try in a browser: ${server.adminAddress}/api/docs`,
    `  State and the admin token are in ${home}`,
    '',
    server.firstKey === null
      ? `  Put your key where YOUR_KEY stands, or make one:  ${switchyard} keys create --name NAME`
      : `  Your first key, shown only now:  ${server.firstKey}`,
    '',
    '  Three things to try:',
    '',
    ...(config['gateway.sandbox']
      ? [
          '  1. Ask the built-in sandbox model, which needs no account:',
          `     curl -i ${server.address}/v1/chat/completions -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '{"model":"sandbox","messages":[{"role":"user","content":"hello"}]}'`,
        ]
      : ['  1. See the models that your key may use:', `     curl -i ${server.address}/v1/models -H "Authorization: Bearer ${key}"`]),
    '  2. Link a real account, with its key in the environment:',
    `     ${switchyard} accounts add --name openai --kind openai --base-url https://api.openai.com/v1 --key-env OPENAI_API_KEY`,
    '  3. See why a request went where it went (its id is in the x-switchyard-request-id header):',
    `     ${switchyard} why REQUEST_ID`,
    '',
    '',
  ];
  return lines.join('\n');
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
