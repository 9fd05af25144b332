import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** A request body: as received, and with its `content-encoding` undone (codex compresses with zstd, trap 6). */
export interface ReadBody {
  readonly raw: Buffer;
  readonly decoded: Buffer;
}

/** Reads a body to its end; null when the client left before that. */
export async function readBody(req: IncomingMessage): Promise<ReadBody | null> {
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.once('end', () => resolve(true));
  req.once('close', () => resolve(false));
  req.on('error', () => resolve(false));
  if (!(await promise)) return null;
  const raw = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  const decode = DECODERS[req.headers['content-encoding'] ?? ''];
  return { raw, decoded: decode === undefined ? raw : decodedOr(raw, decode) };
}

/** Bytes that are not what their encoding says stay as they are, and are then refused as not being JSON. */
function decodedOr(raw: Buffer, decode: (bytes: Buffer) => Buffer): Buffer {
  try {
    return decode(raw);
  } catch {
    return raw;
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
