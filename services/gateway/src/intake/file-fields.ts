/** Members that hold the id of an uploaded file, or several: of inputs and messages, of the containers of tools, of batches and fine-tuning jobs. */
export const FILE_FIELDS: ReadonlySet<string> = new Set(['file_id', 'file_ids', 'input_file_id', 'training_file', 'validation_file']);

/** An id that is longer than this is none. */
export const MAX_FILE_ID = 256;
/** Files that one request may name: each is looked up by its id. */
export const MAX_FILES = 1_024;

const F = 0x66;
/** As long as the longest of them is with every character escaped. */
const LONGEST = 6 * 15;

/**
 * Whether a key is worth reading, for it may be one of those: nearly none is, so that a body which names no files pays next to nothing.
 * @param length     Bytes between its quotes.
 * @param first      The first of them, where that is at hand.
 * @param hasEscape  Then its length and its bytes are not those of what it means.
 */
export function mayNameFiles(length: number, first: number | undefined, hasEscape: boolean): boolean {
  if (hasEscape) return length <= LONGEST;
  if (length === 13 || length === 15) return true;
  return (length === 7 || length === 8) && (first === F || first === undefined);
}
