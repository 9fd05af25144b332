/** What can stand in a line: it holds its own neighbours, so that nothing is allocated or searched for to join it or to leave. */
export interface InLine<T> {
  before: T | null;
  behind: T | null;
}

/** First come, first served; who gives up leaves from wherever it stands. Each of it takes the same time, however long the line is. */
export class WaitLine<T extends InLine<T>> {
  #first: T | null = null;
  #last: T | null = null;
  #length = 0;

  get first(): T | null {
    return this.#first;
  }

  get last(): T | null {
    return this.#last;
  }

  get length(): number {
    return this.#length;
  }

  /** Puts one who stands in no line at the end of this one. */
  join(one: T): void {
    one.before = this.#last;
    one.behind = null;
    if (this.#last === null) this.#first = one;
    else this.#last.behind = one;
    this.#last = one;
    this.#length++;
  }

  /** Takes out one who stands in this line. */
  leave(one: T): void {
    if (one.before === null) this.#first = one.behind;
    else one.before.behind = one.behind;
    if (one.behind === null) this.#last = one.before;
    else one.behind.before = one.before;
    one.before = null;
    one.behind = null;
    this.#length--;
  }
}
