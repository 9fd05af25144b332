/** `1 model`, `3 models`. */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `12 345`. */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** The first names of a list, and how many more there are. */
export function modelsText(names: readonly string[], most = 6): string {
  if (names.length === 0) return 'none';
  const rest = names.length - most;
  return visible(rest > 1 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', '));
}

/** A span of time as people say it: `0.4 ms`, `182 ms`, `1.24 s`, `2 min 5 s`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A moment in UTC, without a letter too much: `2026-11-21 14:03:22`. */
export function moment(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

/** Text from outside, safe for a terminal: what would move the cursor or turn the writing is shown as a question mark. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '?');
}
