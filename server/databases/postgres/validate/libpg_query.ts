/**
 * `libpg-query`, PostgreSQL's own grammar as WebAssembly, taken by its inner module: the package's
 * front keeps one instance for ever, and an instance that has once thrown anything but a syntax
 * error answers wrongly or loops from then on (its stack guard is switched off). Here a new one is
 * made from the compiled module in milliseconds.
 *
 * @module
 */
import instantiate from "libpg-query/wasm/libpg-query.js";

/** What is used of the Emscripten module. Pointers are numbers. */
interface Instance {
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, pointer: number, size: number): void;
  UTF8ToString(pointer: number): string;
  getValue(pointer: number, type: "i32"): number;
  _malloc(size: number): number;
  _free(pointer: number): void;
  /** Returns a `PgQueryParseResult`: tree, stderr, error. */
  _wasm_parse_query_raw(query: number): number;
  _wasm_free_parse_result(result: number): void;
}

/** Emscripten's factory; its hook hands it an instance of the module compiled before. */
type Instantiate = (options: {
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ): WebAssembly.Exports;
}) => Promise<Instance>;

/** What PostgreSQL says of a text that it cannot parse. */
export interface ParseError {
  readonly message: string;
  /** 1-based, in code points; absent where PostgreSQL gives none. */
  readonly position?: number;
}

/** A parsed text: PostgreSQL's tree, or its error. */
export type ParseResult = { readonly tree: unknown } | { readonly error: ParseError };

/**
 * Reads and compiles the WebAssembly module; each call of what it returns makes a new parser.
 *
 * @param path From `parserPath`
 */
export function loadParser(path: string): () => Promise<Parser> {
  const module = new WebAssembly.Module(Deno.readFileSync(path));
  const make = instantiate as Instantiate;
  return async () =>
    new Parser(
      await make({
        instantiateWasm(imports, done) {
          const instance = new WebAssembly.Instance(module, imports);
          done(instance);
          return instance.exports;
        },
      }),
    );
}

/** One instance of the parser. After an exception it is not to be used again. */
export class Parser {
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** Parses a text without NUL. */
  parse(text: string): ParseResult {
    const instance = this.#instance;
    const size = instance.lengthBytesUTF8(text) + 1;
    const query = instance._malloc(size);
    if (query === 0) throw new Error("The parser has no memory left");
    instance.stringToUTF8(text, query, size);
    const result = instance._wasm_parse_query_raw(query);
    if (result === 0) throw new Error("The parser has no memory left");
    try {
      const error = instance.getValue(result + 8, "i32");
      if (error !== 0) return { error: this.#error(error) };
      return { tree: JSON.parse(instance.UTF8ToString(instance.getValue(result, "i32"))) };
    } finally {
      instance._free(query);
      instance._wasm_free_parse_result(result);
    }
  }

  /** Reads a `PgQueryError`: message, function, file, line, cursor. */
  #error(error: number): ParseError {
    const instance = this.#instance;
    const message = instance.UTF8ToString(instance.getValue(error, "i32"));
    const position = instance.getValue(error + 16, "i32");
    return position > 0 ? { message, position } : { message };
  }
}
