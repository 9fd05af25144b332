import { readFileSync, readdirSync } from 'node:fs';

/** One line of the kernel's process table. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** CPU of the children that ended and were waited for, in nanoseconds. */
  readonly reapedNs: number;
  /** CPU of the process itself, to the kernel's tick (10 ms), in nanoseconds. */
  readonly tickedNs: number;
}

/** Figures of a process tree; PostgreSQL's processes are told apart. */
export interface Split {
  readonly own: number;
  readonly postgres: number;
}

/** `/proc/PID/stat` counts in hundredths of a second on every Linux that Node runs on. */
const TICK_NS = 10_000_000;

/** Reads the text of `/proc/PID/stat` (proc(5)). The name may hold spaces and brackets. */
export function parseStat(text: string): ProcessRow {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const ticks = (index: number): number => Number(fields[index]) * TICK_NS;
  return {
    pid: Number(text.slice(0, open)),
    name: text.slice(open + 1, close),
    parent: Number(fields[1]),
    tickedNs: ticks(11) + ticks(12),
    reapedNs: ticks(13) + ticks(14),
  };
}

/** All processes of the machine. One that ends while the table is read is left out. */
export function readProcessTable(): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const text = readOrUndefined(`/proc/${entry}/stat`);
    if (text !== undefined) rows.push(parseStat(text));
  }
  return rows;
}

/** The process with this id and all its descendants. */
export function treeOf(root: number, table: readonly ProcessRow[]): ProcessRow[] {
  const tree = table.filter((row) => row.pid === root);
  for (let i = 0; i < tree.length; i++) {
    const parent = tree[i] as ProcessRow;
    tree.push(...table.filter((row) => row.parent === parent.pid));
  }
  return tree;
}

/** CPU that the trees under these processes have used since they began, in nanoseconds. */
export function cpuNs(roots: readonly number[], table: readonly ProcessRow[] = readProcessTable()): Split {
  return split(roots, table, (row) => row.reapedNs + processNs(row));
}

/** Resident memory of the trees under these processes, in bytes. Pages that processes share are counted once for each. */
export function residentBytes(roots: readonly number[]): Split {
  return split(roots, readProcessTable(), (row) => smapsBytes(row.pid, 'Rss'));
}

/** Proportional memory of the trees under these processes, in bytes: shared pages are divided among their users. */
export function proportionalBytes(roots: readonly number[]): Split {
  return split(roots, readProcessTable(), (row) => smapsBytes(row.pid, 'Pss'));
}

/** The figure of one line of `/proc/PID/smaps_rollup`, in bytes; 0 when it is not there. */
export function parseSmaps(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  return found === null ? 0 : Number(found[1]) * 1024;
}

/** CPU that the whole machine has spent on anything but idling since it began, in nanoseconds: the first line of `/proc/stat`. */
export function machineBusyNs(text: string = readFileSync('/proc/stat', 'utf8')): number {
  const [user, nice, system, , , irq, softirq] = text.slice(4, text.indexOf('\n')).trim().split(' ').map(Number) as number[];
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)) * TICK_NS;
}

function split(roots: readonly number[], table: readonly ProcessRow[], figure: (row: ProcessRow) => number): Split {
  let own = 0;
  let postgres = 0;
  for (const row of roots.flatMap((root) => treeOf(root, table))) {
    if (row.name.startsWith('postgres')) postgres += figure(row);
    else own += figure(row);
  }
  return { own, postgres };
}

/** The exact count of the living threads, unless the count of the whole process says that threads have ended. */
function processNs(row: ProcessRow): number {
  const living = threadsNs(row.pid);
  return row.tickedNs - living > 5 * TICK_NS ? row.tickedNs : living;
}

/**
 * The scheduler's own count for each living thread, to the nanosecond; 0 where the kernel keeps none. Threads that ended
 * are missing, which is why the coarser count of the whole process is looked at too.
 */
function threadsNs(pid: number): number {
  let total = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
    }
  } catch {
    return 0; // the process ended meanwhile
  }
  return total;
}

function smapsBytes(pid: number, name: string): number {
  return parseSmaps(readOrUndefined(`/proc/${pid}/smaps_rollup`) ?? '', name);
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
