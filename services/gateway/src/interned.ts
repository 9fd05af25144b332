/** Numbers for strings that repeat: ids of accounts and of namespaces, of which there are few. Nothing is ever taken out. */
export class Interned {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const made = this.#texts.push(text) - 1;
    this.#numbers.set(text, made);
    return made;
  }

  /** The number of a string that has one already; -1 without. */
  find(text: string): number {
    return this.#numbers.get(text) ?? -1;
  }

  textOf(number: number): string {
    return this.#texts[number]!;
  }
}
