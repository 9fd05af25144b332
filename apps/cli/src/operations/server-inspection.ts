import { SwitchyardError } from '@switchyard/contracts';
import { apiClient } from '@switchyard/contracts/api';
import type { Inspection } from './inspection.ts';

/**
 * Has a running server say what is wrong with it.
 * @param address  Of its admin listener.
 * @throws SwitchyardError what it refused
 */
export async function inspectServer(address: string, token: string): Promise<Inspection> {
  const client = apiClient(address, token);
  return {
    report: await client.call('diagnose'),
    // With its database away a server still says what it knows by itself.
    newestRequests: (limit) =>
      client.call('listRequests', { query: { limit: String(limit) } }).then(
        ({ data }) => data,
        (error: unknown) => {
          if (error instanceof SwitchyardError) return null;
          throw error;
        },
      ),
    async metrics() {
      const response = await fetch(new URL('/metrics', address), { headers: { authorization: `Bearer ${token}` } });
      return response.ok ? response.text() : null;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
