import type { UpstreamAnswer, UpstreamBody, UpstreamFailure } from '@switchyard/contracts';

/** The front of a body that has been read ahead, and what is still to come. */
export interface Collected {
  readonly front: Buffer;
  /** Null when the body has ended; else it is paused right behind `front`. */
  readonly rest: UpstreamBody | null;
}

/**
 * Reads a body up to `maxBytes` or its end.
 * @throws UpstreamFailure when it breaks off before either
 */
export function collectBody(answer: UpstreamAnswer, maxBytes: number): Promise<Collected> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // After the hand-over the same sink forwards to whoever takes the rest.
    let next: Parameters<UpstreamBody['start']>[0] | null = null;
    const waiting: Buffer[] = [];
    let ended = false;
    let failure: UpstreamFailure | null = null;
    let handedOver = false;
    const rest: UpstreamBody = {
      start(sink) {
        next = sink;
        for (const chunk of waiting) sink.data(chunk);
        if (failure !== null) sink.fail(failure);
        else if (ended) sink.end();
        else answer.body.resume();
      },
      pause: () => answer.body.pause(),
      resume: () => answer.body.resume(),
    };
    answer.body.start({
      data(chunk) {
        if (handedOver) {
          if (next === null) waiting.push(chunk);
          else next.data(chunk);
          return;
        }
        chunks.push(chunk);
        length += chunk.length;
        if (length < maxBytes) return;
        handedOver = true;
        answer.body.pause();
        resolve({ front: Buffer.concat(chunks), rest });
      },
      end() {
        ended = true;
        if (handedOver) next?.end();
        else resolve({ front: Buffer.concat(chunks), rest: null });
      },
      fail(error) {
        failure = error;
        if (handedOver) next?.fail(error);
        else reject(error);
      },
    });
  });
}
