import { constants, createZstdDecompress } from 'node:zlib';
import { SwitchyardError } from '@switchyard/contracts';
import type { JsonScanner } from './json-scanner.ts';
import { tooLarge } from './read-body.ts';
import type { BodyLimits } from './read-body.ts';

/** A body may not grow beyond this many times itself: what people write does not, and what was made to fill memory does. */
const MOST_GROWTH = 100;
/** Up to here it may grow as it likes. */
const HARMLESS_BYTES = 1_048_576;
/** Window of 8 MiB, as RFC 8878 section 3.1.1.1.2 asks for at least; more would be memory that a few bytes can ask for. */
const WINDOW_LOG = 23;

/**
 * Undoes the compression of a body that has been read whole, feeding the scanner as it goes. What it takes from `memory` the caller gives
 * back when the request ends; when it refuses, it has given back its own.
 * @throws SwitchyardError `body_too_large`, `server_is_overloaded`, `unsupported_media_type`, and what the scanner throws
 */
export async function decodeBody(encoded: Buffer, scanner: JsonScanner | null, limits: BodyLimits): Promise<Buffer> {
  const decoder = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } });
  const most = Math.min(limits.maxBytes, Math.max(HARMLESS_BYTES, encoded.length * MOST_GROWTH));
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    decoder.end(encoded);
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      if (length + chunk.length > most) {
        if (most < limits.maxBytes)
          throw new SwitchyardError('body_too_large', `The body grows to more than ${MOST_GROWTH} times its size when it is decompressed.`);
        throw tooLarge(limits.maxBytes);
      }
      limits.memory.take(chunk.length);
      length += chunk.length;
      scanner?.push(chunk);
      chunks.push(chunk);
    }
    // Bytes behind the end would mean one thing to us and another to an account that gets them all.
    if (decoder.bytesWritten !== encoded.length) throw notZstd();
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
  } catch (error) {
    limits.memory.release(length);
    throw error instanceof SwitchyardError ? error : notZstd(error);
  } finally {
    decoder.destroy();
  }
}

function notZstd(cause?: unknown): SwitchyardError {
  return new SwitchyardError('unsupported_media_type', 'The body is not what its Content-Encoding says: one zstd frame with a window of at most 8 MiB.', {
    param: 'content-encoding',
    cause,
  });
}
