/**
 * Models that accounts have refused for a limit of that model alone, and until when. Monotonic milliseconds. Kept in memory only: who does not
 * know of one learns it from one refusal.
 * @see codex-protocol section 6
 */
export class ModelLimits {
  readonly #until = new Map<string, Map<string, number>>();

  /** The longer of two counts. */
  limit(accountId: string, model: string, untilMs: number): void {
    const models = this.#until.get(accountId) ?? new Map<string, number>();
    models.set(model, Math.max(untilMs, models.get(model) ?? 0));
    this.#until.set(accountId, models);
  }

  /** Those of an account, as they are now; null when there are none. */
  of(accountId: string): ReadonlyMap<string, number> | null {
    const models = this.#until.get(accountId);
    return models === undefined ? null : new Map(models);
  }

  /** Forgets those of an account. @returns whether there were any */
  lift(accountId: string): boolean {
    return this.#until.delete(accountId);
  }

  /** Forgets those that are over. @returns whether there were any */
  end(nowMs: number): boolean {
    let isAny = false;
    for (const [accountId, models] of this.#until) {
      for (const [model, untilMs] of models) if (untilMs <= nowMs && models.delete(model)) isAny = true;
      if (models.size === 0) this.#until.delete(accountId);
    }
    return isAny;
  }
}
