import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Names one process for ever: a pid alone is reused, a pid with its start time on one boot is not. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

const linux = process.platform === 'linux';

/** The identity of a living process, or null when there is none with this pid. A zombie counts as dead: it holds nothing any more. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const startTime = linux ? linuxStartTime(pid) : psField(pid, 'lstart');
  return startTime === null ? null : { pid, startTime, bootId: bootId() };
}

export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/** Living processes whose working folder is `folder`: a postmaster and its children, which all change into their data folder. */
export function processesIn(folder: string, postmasterPid: number | null): number[] {
  if (!linux) return postmasterPid !== null && psField(postmasterPid, 'command')?.includes(folder) ? [postmasterPid] : [];
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (readlinkSync(`/proc/${name}/cwd`) === folder && linuxStartTime(pid) !== null) found.push(pid);
    } catch {
      // Gone meanwhile, or another user's: not a server of ours.
    }
  }
  return found;
}

function linuxStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in brackets and may hold spaces; the state follows it, the start time is field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

let knownBootId: string | undefined;

function bootId(): string {
  // Elsewhere `ps` prints start times as dates, which a reboot does not repeat.
  knownBootId ??= linux ? readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim() : '';
  return knownBootId;
}

function psField(pid: number, field: 'lstart' | 'command'): string | null {
  try {
    const text = execFileSync('ps', ['-ww', '-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}
