/**
 * Where the parser's package lies. Found in the main thread: the search goes through folders that
 * the worker may not read.
 *
 * @module
 */
import { createRequire } from "node:module";

/** Path of the WebAssembly module of `libpg-query`. */
export function parserPath(): string {
  return createRequire(import.meta.url).resolve("libpg-query/wasm/libpg-query.wasm");
}
