/**
 * The client's modules as JavaScript and declarations, made by TypeScript itself.
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { contractDeclaration } from "./contract.ts";

/** Files of the package, by their paths within it. */
export type Files = Map<string, string>;

/**
 * Compiles `mod.ts` of the client in `clientFolder` and whatever it imports. The declaration of
 * `contract.ts` becomes the server's contract, expanded, so that nothing of the server is needed.
 *
 * @param packages What the published types may import.
 */
export function compileClient(clientFolder: string, packages: ReadonlySet<string>): Files {
  const program = clientProgram(clientFolder);
  const files: Files = new Map();
  for (const source of program.getSourceFiles()) {
    if (dirname(source.fileName) !== clientFolder) continue;
    refuseErrors(program, source);
    emit(program, source, (path, text) => {
      // Modules of types alone need no code.
      if (NO_CODE.test(text)) return;
      files.set(relative(clientFolder, path), text);
    });
  }
  files.set("contract.d.ts", contractDeclaration(program, contractFile(clientFolder), packages));
  return files;
}

/**
 * The client and the server's contract as TypeScript sees them, checked as strictly as the
 * workspace is.
 *
 * @param extra Texts of further modules in the client's folder, by file name.
 */
export function clientProgram(
  clientFolder: string,
  extra: ReadonlyMap<string, string> = new Map(),
): ts.Program {
  const root = dirname(clientFolder);
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    declaration: true,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: true,
    newLine: ts.NewLineKind.LineFeed,
    rootDir: root,
    outDir: root,
    paths: { "@fluxbase/server/contract": [contractFile(clientFolder)] },
  };
  const texts = new Map(Array.from(extra, ([name, text]) => [join(clientFolder, name), text]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.getSourceFile = (path, settings, ...rest) => {
    const text = texts.get(path);
    if (text === undefined) return getSourceFile(path, settings, ...rest);
    return ts.createSourceFile(path, text, settings);
  };
  return ts.createProgram([join(clientFolder, "mod.ts"), ...texts.keys()], options, host);
}

function contractFile(clientFolder: string): string {
  return join(dirname(clientFolder), "server", "contract.ts");
}

const NO_CODE = /^(\/\*[^]*?\*\/\s*)*export \{\};\s*$/;

function refuseErrors(program: ts.Program, source: ts.SourceFile): void {
  const problems = [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
    ...program.getDeclarationDiagnostics(source),
  ];
  if (problems.length === 0) return;
  throw new Error(ts.formatDiagnostics(problems, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => dirname(source.fileName),
    getNewLine: () => "\n",
  }));
}

function emit(
  program: ts.Program,
  source: ts.SourceFile,
  write: (path: string, text: string) => void,
): void {
  const { emitSkipped } = program.emit(source, (path, text) =>
    // Declarations keep the source's ".ts" in their imports; consumers have ".js" files.
    write(
      path,
      path.endsWith(".d.ts") ? text.replaceAll(/(["']\.\/\w+)\.ts(["'])/g, "$1.js$2") : text,
    ));
  if (emitSkipped) throw new Error(`Cannot compile "${source.fileName}"`);
}
