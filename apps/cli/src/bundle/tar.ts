const BLOCK = 512;
const TEXT = new TextEncoder();

export interface TarFile {
  /** Of at most 100 ASCII characters. */
  readonly name: string;
  readonly text: string;
}

/**
 * An archive in the form that every `tar` reads (POSIX ustar): for each file a block of 512 bytes that says what it is, its bytes, and zeros up to
 * the next block; then two blocks of zeros.
 * @param atMs  Time of the files, epoch milliseconds.
 */
export function tarOf(files: readonly TarFile[], atMs: number): Buffer {
  const parts: Uint8Array[] = [];
  for (const { name, text } of files) {
    const bytes = TEXT.encode(text);
    parts.push(headOf(name, bytes.length, Math.floor(atMs / 1_000)), bytes, new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  parts.push(new Uint8Array(BLOCK * 2));
  return Buffer.concat(parts);
}

function headOf(name: string, size: number, atS: number): Buffer {
  const head = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number, at: number): void => void head.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  head.write(name, 0, 100, 'latin1');
  octal(0o600, 7, 100);
  octal(0, 7, 108);
  octal(0, 7, 116);
  octal(size, 11, 124);
  octal(atS, 11, 136);
  head.write(' '.repeat(8), 148, 'latin1'); // the sum is made as if its own place were blank
  head.write('0', 156, 'latin1'); // an ordinary file
  head.write('ustar\0' + '00', 257, 'latin1');
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return head;
}
