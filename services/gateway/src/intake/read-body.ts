import type { IncomingMessage, ServerResponse } from 'node:http';
import { SwitchyardError } from '@switchyard/contracts';
import type { RequestHead } from '../edge/read-head.ts';
import type { JsonScanner } from './json-scanner.ts';

const EMPTY = Buffer.alloc(0);

/** Bytes of request bodies in memory, over all requests; a flood of large uploads is refused rather than swapped. */
export class BodyMemory {
  readonly #maxBytes: number;
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get held(): number {
    return this.#held;
  }

  /** @throws SwitchyardError `server_is_overloaded` */
  take(bytes: number): void {
    if (this.#held + bytes > this.#maxBytes) throw new SwitchyardError('server_is_overloaded', 'Too many large request bodies are in memory at once.');
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

export interface BodyLimits {
  readonly maxBytes: number;
  readonly memory: BodyMemory;
}

/**
 * Reads a body whole, at most `maxBytes`, feeding the scanner chunk by chunk so that a large one never stalls the loop.
 * What it takes from `memory` the caller gives back when the request ends.
 * @returns null when the client left before the end
 * @throws SwitchyardError `body_too_large`, `server_is_overloaded`, and what the scanner throws
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  head: Pick<RequestHead, 'contentLength' | 'isChunked' | 'expectsContinue'>,
  scanner: JsonScanner | null,
  limits: BodyLimits,
): Promise<Buffer | null> {
  if (!head.isChunked && (head.contentLength === null || head.contentLength === 0)) return Promise.resolve(EMPTY);
  return new Promise((resolve, reject) => {
    if (head.contentLength !== null && head.contentLength > limits.maxBytes) throw tooLarge(limits.maxBytes);
    // A client that asked whether to send its body waits for this (RFC 9110 section 10.1.1); a refusal above spares it the upload.
    if (head.expectsContinue) response.writeContinue();
    const chunks: Buffer[] = [];
    let length = 0;
    const stop = (): void => {
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('close', onClose);
    };
    const fail = (error: unknown): void => {
      stop();
      limits.memory.release(length);
      reject(error as Error);
    };
    const onData = (chunk: Buffer): void => {
      try {
        if (length + chunk.length > limits.maxBytes) throw tooLarge(limits.maxBytes);
        limits.memory.take(chunk.length);
        length += chunk.length;
        scanner?.push(chunk);
        chunks.push(chunk);
      } catch (error) {
        request.pause();
        fail(error);
      }
    };
    const onEnd = (): void => {
      stop();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
    };
    const onClose = (): void => {
      stop();
      limits.memory.release(length);
      resolve(null);
    };
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('close', onClose);
  });
}

function tooLarge(maxBytes: number): SwitchyardError {
  return new SwitchyardError('body_too_large', `The body is larger than ${maxBytes} bytes.`);
}
