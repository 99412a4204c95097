/**
 * Positions of errors are counted in characters (code points) from 1, as PostgreSQL counts them;
 * the editor counts UTF-16 units from 0.
 *
 * @module
 */

/** The editor's offset of the `position`th character of `text`; the end when it lies behind it. */
export function offsetOf(text: string, position: number): number {
  let offset = 0;
  let left = position - 1;
  for (const character of text) {
    if (left-- <= 0) break;
    offset += character.length;
  }
  return offset;
}

/** End of the word that begins at `offset`; at least one character where there is any. */
export function wordEnd(text: string, offset: number): number {
  const word = /^[\p{L}\p{N}_$]+/u.exec(text.slice(offset))?.[0];
  if (word !== undefined) return offset + word.length;
  const [character] = text.slice(offset);
  return offset + (character?.length ?? 0);
}
