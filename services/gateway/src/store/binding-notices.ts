import type { BindingRow } from '../bindings/bindings.ts';
import type { LifeState } from '../bindings/life.ts';

/** Channel on which a process tells others on the same database what it has bound. */
export const BINDINGS_CHANNEL = 'switchyard_bindings';

/** PostgreSQL takes notices of less than 8 000 bytes. */
const MAX_BYTES = 7_900;

/** Puts rows into as few notices as hold them: a line that names the sender, then a line for each binding. */
export function packNotices(instanceId: string, rows: readonly BindingRow[]): string[] {
  const notices: string[] = [];
  let notice = instanceId;
  for (const row of rows) {
    const line = `\n${row.digest},${row.kind},${row.owner},${row.namespace},${row.epoch},${row.state},${row.stateAtS},${row.misses},${row.boundAtS},${row.touchedAtS}`;
    if (notice.length + line.length > MAX_BYTES) {
      notices.push(notice);
      notice = instanceId;
    }
    notice += line;
  }
  if (notice !== instanceId) notices.push(notice);
  return notices;
}

/** @returns what another process has bound; nothing when the notice is our own */
export function unpackNotice(notice: string, instanceId: string): BindingRow[] {
  const [sender, ...lines] = notice.split('\n');
  if (sender === instanceId) return [];
  return lines.map((line) => {
    const [digest, kind, owner, namespace, ...numbers] = line.split(',') as [string, string, string, string, ...string[]];
    const [epoch, state, stateAtS, misses, boundAtS, touchedAtS] = numbers.map(Number) as [number, LifeState, number, number, number, number];
    return { digest, kind: Number(kind), owner, namespace, epoch, state, stateAtS, misses, boundAtS, touchedAtS };
  });
}
