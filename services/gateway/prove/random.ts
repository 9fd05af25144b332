/** Numbers that one seed decides: the same seed gives the same case again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `n` (mulberry32). */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * n);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** Undefined only of an empty list. */
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  /** One of a list, each as often as its weight says. */
  weighed<T extends { readonly weight: number }>(list: readonly T[]): T {
    let left = this.below(list.reduce((sum, { weight }) => sum + weight, 0));
    for (const each of list) {
      left -= each.weight;
      if (left < 0) return each;
    }
    return list.at(-1)!;
  }

  /** A seed for something that must not change when what comes before it does. */
  seed(): number {
    return this.below(2 ** 31);
  }
}
