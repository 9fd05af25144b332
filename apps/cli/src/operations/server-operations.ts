import { SwitchyardError } from '@switchyard/contracts';
import { apiClient } from '@switchyard/contracts/api';
import type { ApiCall, GatewayAnswer, GatewayOperation } from '@switchyard/contracts/api';
import { CommandRefusal } from '../refusals.ts';
import type { Operations } from './operations.ts';

/**
 * The operations of a running server, over its API.
 * @param address  Of its admin listener.
 * @throws SwitchyardError what the server refused; CommandRefusal `server_gone` when it stopped answering
 */
export function serverOperations(address: string, token: string): Operations {
  const client = apiClient(address, token);
  const ask = async <O extends GatewayOperation>(operation: O, call?: ApiCall): Promise<GatewayAnswer<O>> => {
    try {
      return await client.call(operation, call);
    } catch (error) {
      if (error instanceof SwitchyardError) throw error;
      throw new CommandRefusal(
        'server_gone',
        `The server at ${address} was running a moment ago, and did not answer this command whole.`,
        'Whether the command took effect is not known: look with `switchyard accounts list` or `switchyard keys list`, then run it again. It works with the server stopped, too.',
        error,
      );
    }
  };
  return {
    listAccounts: async () => (await ask('listAccounts')).data,
    addAccount: (body) => ask('addAccount', { body }),
    removeAccount: (id) => ask('removeAccount', { id }),
    testAccount: (id) => ask('testAccount', { id }),
    listQuota: () => ask('listQuota'),
    liftQuota: (id) => ask('liftQuota', { id }),
    listKeys: async () => (await ask('listKeys')).data,
    createKey: (body) => ask('createKey', { body }),
    revokeKey: (id) => ask('revokeKey', { id }),
    findRequest: (id) => ask('getDecision', { id }),
    listRequests: ({ limit, after }) => ask('listRequests', { query: { limit: String(limit), ...(after === undefined ? {} : { after }) } }),
    showSessionBindings: (sought) => ask('listSessionBindings', { query: { ...sought } }),
    forgetSessionBindings: async (sought) => (await ask('forgetSessionBindings', { query: { ...sought } })).data,
    [Symbol.asyncDispose]: async () => {},
  };
}
