import { findRunningServer } from '@switchyard/app-server/running';
import { declaredAccounts, unknownMembers } from '@switchyard/config';
import type { Config } from '@switchyard/config';
import { apiClient } from '@switchyard/contracts/api';
import { readAdminToken } from '@switchyard/security';

/**
 * What to say of accounts that pools name and nobody knows. Those that were added by command only the running server of this home can tell;
 * its database is not started for that.
 */
export async function poolWarnings(config: Config): Promise<string[]> {
  const declared = declaredAccounts(config);
  if (unknownMembers(config, new Set(declared)).length === 0) return [];
  const added = await namesOfServer(config);
  return unknownMembers(config, new Set([...declared, ...(added ?? [])])).map(({ pool, account, place, near }) => {
    const is =
      added === null ? 'is not declared here (if it was added by command, a running server knows it, and so does `switchyard doctor`)' : 'is no account';
    return `${place}: the pool ${pool} names ${account}, which ${is}${near === null ? '' : `; did you mean ${near}?`}`;
  });
}

/** Null when no server answers. */
async function namesOfServer(config: Config): Promise<string[] | null> {
  try {
    const server = await findRunningServer(config.home);
    if (server === null) return null;
    const token = readAdminToken({ home: config.home, fromSetting: config['admin.token'] });
    const { data } = await apiClient(server.adminAddress, token).call('listAccounts');
    return data.map(({ name }) => name);
  } catch {
    return null; // the settings are looked at, not the server
  }
}
