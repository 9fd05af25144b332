/** Counts of what happened, by name: proof that the cases went where it matters. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  count(event: string, times = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + times);
  }

  add(counts: Readonly<Record<string, number>>): void {
    for (const [event, times] of Object.entries(counts)) this.count(event, times);
  }

  of(event: string): number {
    return this.#counts.get(event) ?? 0;
  }

  all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  clear(): void {
    this.#counts.clear();
  }
}
