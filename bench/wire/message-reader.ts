/** What a reader tells about one message. `body` may be called any number of times; the bytes are only valid during the call. */
export interface MessageSink {
  /**
   * @param status  The status of a response; 0 for a request.
   * @param length  Bytes of body that were announced; -1 when its end shows in another way.
   */
  head(status: number, length: number, bytes: Buffer, from: number): void;
  body(bytes: Buffer, from: number, to: number): void;
  end(): void;
}

type State = 'head' | 'fixed' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer' | 'until-close';

const LF = 10;
const COLON = 58;
const CONTENT_LENGTH = 'content-length';
const CONNECTION = 'connection';
const TRANSFER_ENCODING = 'transfer-encoding';

/**
 * Reads the HTTP/1.1 messages of one direction of a connection, from whatever pieces arrive, and nothing but their
 * framing: the load generator and the mock must stay cheaper than what they measure. It trusts its peer: it is no
 * parser for the open network.
 * @throws Error when the framing cannot be understood.
 */
export class MessageReader {
  readonly #side: 'request' | 'response';
  readonly #sink: MessageSink;
  #state: State = 'head';
  #left = 0;
  #carry: Buffer | undefined;
  #closing = false;

  constructor(side: 'request' | 'response', sink: MessageSink) {
    this.#side = side;
    this.#sink = sink;
  }

  /** True between two messages, when closing the connection loses nothing. */
  get idle(): boolean {
    return this.#state === 'head' && this.#carry === undefined;
  }

  /** True once the peer has said that it closes the connection after its message. */
  get closing(): boolean {
    return this.#closing;
  }

  /** The peer closed: ends a response that is framed by the end of its connection. Returns whether nothing was cut. */
  close(): boolean {
    if (this.#state === 'until-close') {
      this.#state = 'head';
      this.#sink.end();
    }
    return this.idle;
  }

  /** Takes the first `length` bytes of `piece`; they may be overwritten when it returns. */
  push(piece: Buffer, length: number = piece.length): void {
    let bytes = piece;
    let end = length;
    if (this.#carry !== undefined) {
      bytes = Buffer.concat([this.#carry, piece.subarray(0, length)]);
      end = bytes.length;
      this.#carry = undefined;
    }
    let at = 0;
    while (at < end) {
      const next = this.#step(bytes, at, end);
      if (next < 0) {
        this.#carry = Buffer.from(bytes.subarray(at, end));
        return;
      }
      at = next;
    }
  }

  /** Reads on from `at`; returns where it stopped, or -1 when it needs more bytes than there are. */
  #step(bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at, end);
      case 'fixed':
      case 'chunk-data': {
        const stop = Math.min(end, at + this.#left);
        this.#left -= stop - at;
        this.#sink.body(bytes, at, stop);
        if (this.#left === 0) {
          if (this.#state === 'fixed') this.#finish();
          else this.#state = 'chunk-end';
        }
        return stop;
      }
      case 'until-close':
        this.#sink.body(bytes, at, end);
        return end;
      case 'chunk-size':
        return this.#readChunkSize(bytes, at, end);
      case 'chunk-end':
        if (end - at < 2) return -1;
        this.#state = 'chunk-size';
        return at + 2;
      case 'trailer': {
        const lf = bytes.indexOf(LF, at);
        if (lf < 0 || lf >= end) return -1;
        if (lf - at <= 1) this.#finish();
        return lf + 1;
      }
    }
  }

  #readHead(bytes: Buffer, from: number, end: number): number {
    let contentLength = -1;
    let chunked = false;
    let lineStart = from;
    let colon = -1;
    let first = true;
    for (let at = from; at < end; at++) {
      const byte = bytes[at];
      if (byte === COLON) {
        if (colon < 0) colon = at;
        continue;
      }
      if (byte !== LF) continue;
      if (at - lineStart <= 1) {
        this.#begin(bytes, from, contentLength, chunked);
        return at + 1;
      }
      if (!first && colon > 0) {
        const nameLength = colon - lineStart;
        if (nameLength === CONTENT_LENGTH.length && sameName(bytes, lineStart, CONTENT_LENGTH)) contentLength = Number(textOf(bytes, colon, at));
        else if (nameLength === TRANSFER_ENCODING.length && sameName(bytes, lineStart, TRANSFER_ENCODING)) chunked = textOf(bytes, colon, at) === 'chunked';
        else if (nameLength === CONNECTION.length && sameName(bytes, lineStart, CONNECTION)) this.#closing = textOf(bytes, colon, at) === 'close';
      }
      first = false;
      colon = -1;
      lineStart = at + 1;
    }
    return -1;
  }

  #begin(bytes: Buffer, from: number, contentLength: number, chunked: boolean): void {
    let status = 0;
    if (this.#side === 'response') {
      status = Number(bytes.toString('latin1', from + 9, from + 12));
      if (!(status >= 100 && status <= 599)) {
        throw new Error(`Not a response: ${JSON.stringify(bytes.toString('latin1', from, from + 12))}`);
      }
      if (status < 200) return; // an interim answer: the real one follows
    }
    this.#sink.head(status, chunked ? -1 : contentLength, bytes, from);
    if (chunked) this.#state = 'chunk-size';
    else if (contentLength > 0) {
      this.#state = 'fixed';
      this.#left = contentLength;
    } else if (contentLength === 0 || this.#side === 'request' || status === 204 || status === 304) this.#finish();
    else this.#state = 'until-close';
  }

  #readChunkSize(bytes: Buffer, at: number, end: number): number {
    let size = 0;
    for (let i = at; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte === LF) {
        if (size === 0) this.#state = 'trailer';
        else {
          this.#state = 'chunk-data';
          this.#left = size;
        }
        return i + 1;
      }
      if (byte >= 48 && byte <= 57) size = size * 16 + byte - 48;
      else if (byte >= 97 && byte <= 102) size = size * 16 + byte - 87;
      else if (byte >= 65 && byte <= 70) size = size * 16 + byte - 55;
      else if (byte !== 13) throw new Error(`Not a chunk size: ${JSON.stringify(bytes.toString('latin1', at, i + 1))}`);
    }
    return -1;
  }

  #finish(): void {
    this.#state = 'head';
    this.#sink.end();
  }
}

/** The value of a header, between its colon and its line's end, in lower case. */
function textOf(bytes: Buffer, colon: number, end: number): string {
  return bytes
    .toString('latin1', colon + 1, end)
    .trim()
    .toLowerCase();
}

/** Compares a header name with a lower-case one, ignoring case. */
function sameName(bytes: Buffer, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (((bytes[from + i] as number) | 32) !== name.charCodeAt(i)) return false;
  }
  return true;
}
