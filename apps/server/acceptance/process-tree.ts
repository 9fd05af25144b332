import { readFileSync, readdirSync } from 'node:fs';

interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly startedAt: string;
}

function running(): Running[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // pid (name) state ppid …; the name may hold anything, the start time is field 22.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? [] : [{ pid: Number(name), parent: Number(fields[1]), startedAt: fields[19]! }];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

/** All processes below one, however deep, as pid and start time: a pid alone may come again. */
export function descendants(pid: number): string[] {
  const all = running();
  const found: Running[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = all.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  return found.map(nameOf);
}

/** Those of the named processes that are still there. */
export function survivors(names: readonly string[]): string[] {
  const there = new Set(running().map(nameOf));
  return names.filter((name) => there.has(name));
}

function nameOf({ pid, startedAt }: Running): string {
  return `${pid}@${startedAt}`;
}
