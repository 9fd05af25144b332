import type { UpstreamAnswer, UpstreamBody } from '@switchyard/contracts';

/** The front of a body that has been read ahead, and what is still to come. */
export interface Collected {
  /** In the order in which the chunks came. It may grow until `rest` is started anew. */
  readonly front: readonly Buffer[];
  /** Null when nothing is to come; else to be started anew by whoever takes it, and resumed when it is paused. */
  readonly rest: UpstreamBody | null;
  readonly isPaused: boolean;
}

/**
 * Reads a body up to `maxBytes` or its end.
 * @throws UpstreamFailure when it breaks off before either
 */
export function collectBody({ body }: UpstreamAnswer, maxBytes: number): Promise<Collected> {
  return new Promise((resolve, reject) => {
    const front: Buffer[] = [];
    let length = 0;
    let isFull = false;
    body.start({
      data(chunk) {
        front.push(chunk);
        length += chunk.length;
        if (length < maxBytes || isFull) return;
        isFull = true;
        body.pause();
        resolve({ front, rest: body, isPaused: true });
      },
      // Once it is full, whoever starts the rest is told of its end.
      end: () => resolve({ front, rest: null, isPaused: false }),
      fail: reject,
    });
  });
}
