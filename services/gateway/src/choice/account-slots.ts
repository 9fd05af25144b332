/** Hands out one slot per account id, from 0, kept while the process lives: the index of the account's figures. */
export class AccountSlots {
  readonly #slots = new Map<string, number>();
  readonly #accounts: string[] = [];

  of(accountId: string): number {
    const known = this.#slots.get(accountId);
    if (known !== undefined) return known;
    this.#slots.set(accountId, this.#accounts.length);
    return this.#accounts.push(accountId) - 1;
  }

  /** The account that a slot was handed out to. */
  accountOf(slot: number): string {
    return this.#accounts[slot]!;
  }
}
