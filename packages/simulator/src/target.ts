/** A request target in its two parts. */
export interface Target {
  readonly path: string;
  /** With its `?`, or ''. */
  readonly search: string;
}

/** Splits a request target; unlike `URL` it takes any bytes and changes none. */
export function targetOf(url: string): Target {
  const mark = url.indexOf('?');
  const search = mark < 0 ? '' : url.slice(mark);
  return { path: mark < 0 ? url : url.slice(0, mark), search };
}
