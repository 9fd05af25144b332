import type { IncomingMessage, ServerResponse } from 'node:http';
import { SwitchyardError } from '@switchyard/contracts';
import type { Target } from './target.ts';
import { isObject } from './json.ts';
import { readBody } from './read-body.ts';
import type { Simulator } from './open-simulator.ts';

type Steering = Pick<Simulator, 'script' | 'clearScript' | 'received' | 'counters' | 'release' | 'expire' | 'reset'>;

/** The HTTP side of a scriptable simulator; every path is under `/_control/`. */
export const CONTROL_PREFIX = '/_control/';

const ROUTES: Readonly<Record<string, (simulator: Steering, body: unknown, query: URLSearchParams) => unknown>> = {
  'POST /_control/script': (simulator, body) => {
    simulator.script(body);
    return { ok: true };
  },
  'DELETE /_control/script': (simulator) => {
    simulator.clearScript();
    return { ok: true };
  },
  'GET /_control/received': (simulator, _body, query) => ({ data: simulator.received({ full: query.get('full') === '1' }) }),
  'GET /_control/counters': (simulator) => simulator.counters(),
  'POST /_control/release': (simulator, body) => {
    if (!isObject(body) || typeof body['gate'] !== 'string') throw new SwitchyardError('invalid_value', 'Send {"gate": "NAME"}.', { param: 'gate' });
    simulator.release(body['gate']);
    return { ok: true };
  },
  'POST /_control/expire': (simulator, body) => {
    if (!isObject(body) || typeof body['login'] !== 'string') throw new SwitchyardError('invalid_value', 'Send {"login": "LABEL"}.', { param: 'login' });
    simulator.expire(body['login']);
    return { ok: true };
  },
  'POST /_control/reset': (simulator) => {
    simulator.reset();
    return { ok: true };
  },
};

/** Answers one control request. Refusals name the place in the script. */
export async function control(simulator: Steering, req: IncomingMessage, res: ServerResponse, { path, search }: Target): Promise<void> {
  const body = await readBody(req);
  if (body === null) return;
  const route = ROUTES[`${req.method} ${path}`];
  try {
    if (route === undefined) throw new SwitchyardError('route_not_found', `No ${req.method} ${path}. There is: ${Object.keys(ROUTES).join('; ')}.`);
    send(res, 200, route(simulator, body.decoded.length === 0 ? undefined : parsed(body.decoded), new URLSearchParams(search)));
  } catch (error) {
    if (!(error instanceof SwitchyardError)) throw error;
    send(res, error.fault.status, { error: { message: error.message, type: error.fault.type, param: error.param, code: error.code } });
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (cause) {
    throw new SwitchyardError('invalid_json', 'The body is not JSON.', { cause });
  }
}

function send(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(value));
}
