/**
 * Base64 on every runtime: the engine's own where it has one (Deno, Bun, new browsers, Node from
 * 25 on), `btoa` and `atob` elsewhere.
 *
 * @module
 */

// Node gained both methods at once.
const NATIVE = "toBase64" in Uint8Array.prototype;

/** Arguments that one call of `String.fromCharCode` surely takes. */
const SLICE = 8192;

/** Bytes as standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  if (NATIVE) return bytes.toBase64();
  let binary = "";
  for (let start = 0; start < bytes.length; start += SLICE) {
    binary += String.fromCharCode(...bytes.subarray(start, start + SLICE));
  }
  return btoa(binary);
}

/** The bytes of standard base64. Throws `SyntaxError` or `InvalidCharacterError` on other text. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (NATIVE) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
