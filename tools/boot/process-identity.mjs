import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Who a process is: its id alone may be given to another later, so the moment it began (and on Linux the boot of the machine) goes with it.
 * @typedef {{ pid: number, began: string }} ProcessIdentity
 */

/**
 * The identity of a process that is alive now, or null when there is none.
 * @param {number} pid
 * @returns {ProcessIdentity | null}
 */
export function identityOf(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return null; // EPERM: alive, of another user
  }
  if (process.platform === 'linux') return linuxIdentity(pid);
  if (process.platform === 'win32') return { pid, began: '' };
  try {
    return { pid, began: execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() };
  } catch {
    return null;
  }
}

/**
 * Whether the very process that left this identity still runs.
 * @param {ProcessIdentity} identity
 */
export function isAlive(identity) {
  const now = identityOf(identity.pid);
  return now !== null && now.began === identity.began;
}

function linuxIdentity(pid) {
  try {
    // The name in brackets may hold spaces and brackets, so fields are counted after the last one: state is the 3rd, start time the 22nd.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    if (fields[0] === 'Z') return null; // a zombie holds nothing any more
    const machineBoot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { pid, began: `${machineBoot}/${fields[19]}` };
  } catch {
    return null;
  }
}
