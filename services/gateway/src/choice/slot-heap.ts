/**
 * A binary heap of account slots, best first, whose order is somebody else's: `goesBefore` compares, and `moved` is called when the place
 * of one may have changed.
 */
export class SlotHeap {
  readonly #heap: Int32Array;
  /** Where each slot stands in the heap; -1 for those that are not in it. */
  readonly #position: Int32Array;
  readonly #goesBefore: (a: number, b: number) => boolean;

  /** @param slots  How many slots there are at all. */
  constructor(members: readonly number[], slots: number, goesBefore: (a: number, b: number) => boolean) {
    this.#heap = Int32Array.from(members);
    this.#position = new Int32Array(slots).fill(-1);
    this.#goesBefore = goesBefore;
    for (const [i, slot] of this.#heap.entries()) this.#position[slot] = i;
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  moved(slot: number): void {
    const at = this.#position[slot]!;
    if (!this.#rise(at)) this.#sink(at);
  }

  /** The best that is not left out; -1 when none is left. Costs the logarithm of the size, and a few steps for each that is left out. */
  best(leftOut: (slot: number) => boolean): number {
    if (this.#heap.length === 0) return -1;
    const top = this.#heap[0]!;
    if (!leftOut(top)) return top;
    // From the top down: whatever is best among the children of those left out.
    const open: number[] = [];
    let at = 0;
    for (;;) {
      for (let child = 2 * at + 1; child <= 2 * at + 2; child++) if (child < this.#heap.length) open.push(child);
      if (open.length === 0) return -1;
      let first = 0;
      for (let i = 1; i < open.length; i++) if (this.#goesBefore(this.#heap[open[i]!]!, this.#heap[open[first]!]!)) first = i;
      at = open.splice(first, 1)[0]!;
      if (!leftOut(this.#heap[at]!)) return this.#heap[at]!;
    }
  }

  #rise(from: number): boolean {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#goesBefore(this.#heap[at]!, this.#heap[parent]!)) break;
      this.#swap(at, parent);
      at = parent;
    }
    return at !== from;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const child = right < heap.length && this.#goesBefore(heap[right]!, heap[left]!) ? right : left;
      if (!this.#goesBefore(heap[child]!, heap[at]!)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #swap(a: number, b: number): void {
    const x = this.#heap[a]!;
    const y = this.#heap[b]!;
    this.#heap[a] = y;
    this.#heap[b] = x;
    this.#position[x] = b;
    this.#position[y] = a;
  }
}
