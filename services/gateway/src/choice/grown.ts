/** A typed array with the same content and room for `length` entries, the new ones 0. */
export function grown<T extends Uint8Array | Int32Array | Float64Array>(old: T, length: number): T {
  const made = new (old.constructor as new (length: number) => T)(length);
  made.set(old);
  return made;
}
