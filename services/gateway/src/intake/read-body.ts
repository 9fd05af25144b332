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
 * @param finish  Makes of the whole body what is wanted of it; what it throws is a refusal like those of the reading.
 * @returns null when the client left before the end
 * @throws SwitchyardError `body_too_large`, `server_is_overloaded`, and what the scanner and `finish` throw
 */
export function readBody<T>(
  request: IncomingMessage,
  response: ServerResponse,
  head: Pick<RequestHead, 'contentLength' | 'isChunked' | 'expectsContinue'>,
  scanner: JsonScanner | null,
  limits: BodyLimits,
  finish: (body: Buffer) => T,
): Promise<T | null> {
  return new Promise((resolve, reject) => {
    if (!head.isChunked && (head.contentLength === null || head.contentLength === 0)) return resolve(finish(EMPTY));
    if (head.contentLength !== null && head.contentLength > limits.maxBytes) throw tooLarge(limits.maxBytes);
    // A client that asked whether to send its body waits for this (RFC 9110 section 10.1.1); a refusal above spares it the upload.
    if (head.expectsContinue) response.writeContinue();
    // Nearly every body is one chunk, and an array for it would be the larger part of what is kept.
    let first: Buffer | null = null;
    let chunks: Buffer[] | null = null;
    let length = 0;
    let isOver = false;
    const fail = (error: unknown): void => {
      isOver = true;
      request.off('data', take);
      limits.memory.release(length);
      reject(error as Error);
    };
    const take = (chunk: Buffer): void => {
      try {
        if (length + chunk.length > limits.maxBytes) throw tooLarge(limits.maxBytes);
        limits.memory.take(chunk.length);
        length += chunk.length;
        scanner?.push(chunk);
        if (first === null) first = chunk;
        else (chunks ??= [first]).push(chunk);
      } catch (error) {
        request.pause();
        fail(error);
      }
    };
    request.on('data', take);
    request.on('end', () => {
      if (isOver) return;
      try {
        resolve(finish(chunks === null ? (first ?? EMPTY) : Buffer.concat(chunks, length)));
        isOver = true;
      } catch (error) {
        fail(error);
      }
    });
    request.on('close', () => {
      if (isOver) return;
      isOver = true;
      limits.memory.release(length);
      resolve(null);
    });
  });
}

/** The refusal of a body that is larger than any may be. */
export function tooLarge(maxBytes: number): SwitchyardError {
  return new SwitchyardError(
    'body_too_large',
    `The body is larger than ${maxBytes} bytes, which \`limits.body_bytes\` allows; send a smaller one, or raise that setting.`,
  );
}
