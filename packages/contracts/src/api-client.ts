import { SwitchyardError } from './faults.ts';
import type { FaultCode } from './faults.ts';
import { FAULTS } from './faults.ts';
import { GATEWAY_API } from './gateway-api.ts';
import type { GatewayAnswer, GatewayOperation } from './gateway-api.ts';

export interface ApiCall {
  readonly id?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Calls the control plane of a running server; one method for every operation, typed by the route table. */
export interface ApiClient {
  call<O extends GatewayOperation>(operation: O, call?: ApiCall): Promise<GatewayAnswer<O>>;
}

/**
 * A client for `GATEWAY_API`. Faults arrive as the `SwitchyardError` they were on the other side.
 * @param address  Scheme, host and port of the server's admin listener.
 * @param token    The admin token.
 */
export function apiClient(address: string, token: string): ApiClient {
  return {
    async call(operation, { id, query, body } = {}) {
      const { method, path } = GATEWAY_API[operation];
      const url = new URL(path.replace('{id}', encodeURIComponent(id ?? '')), address);
      for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
      const response = await fetch(url, {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer: unknown = await response.json();
      if (!response.ok) throw faultOf(answer);
      return answer as never;
    },
  };
}

function faultOf(answer: unknown): Error {
  const error = (answer as { error?: { code?: string; message?: string; param?: string | null } } | null)?.error;
  if (error?.code === undefined || !Object.hasOwn(FAULTS, error.code)) return new Error('The server gave an answer that is not ours.');
  return new SwitchyardError(error.code as FaultCode, error.message ?? '', error.param == null ? {} : { param: error.param });
}
