/**
 * The server's contract as one declaration file that stands alone: TypeScript prints the expanded
 * type of the router, and the named types that it reaches are copied beside it, whatever file of
 * the server they come from. A class, a function or a package off the list among them stops the
 * packing: then the contract has grown into the server.
 *
 * @module
 */
import ts from "typescript";

const HEADER = `/**
 * The server's API: every procedure with its input, output and errors. Types only.
 *
 * @module
 */`;

/** The text of `contract.d.ts`; `packages` are those that it may import. */
export function contractDeclaration(
  program: ts.Program,
  contractFile: string,
  packages: ReadonlySet<string>,
): string {
  const reached = new ReachedTypes(program, packages);
  const router = reached.rewrite(routerType(program, contractFile), contractFile);
  const declarations = reached.declarations();
  return [
    HEADER,
    ...reached.imports(),
    `/** The typed API, for \`createTRPCClient<AppRouter>\`. */\nexport type AppRouter = ${router};`,
    ...declarations,
    "",
  ].join("\n");
}

/** The type of `contract`, as TypeScript's declaration of the contract file prints it. */
function routerType(program: ts.Program, contractFile: string): ts.TypeNode {
  let text: string | undefined;
  program.emit(
    program.getSourceFile(contractFile),
    (path, emitted) => {
      if (path.endsWith(".d.ts")) text = emitted;
    },
    undefined,
    true,
  );
  if (text === undefined) throw new Error(`Cannot declare "${contractFile}"`);
  const declaration = ts.createSourceFile("contract.d.ts", text, ts.ScriptTarget.ESNext, true);
  for (const statement of declaration.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, type } of statement.declarationList.declarations) {
      if (name.getText() === "contract" && type !== undefined) return type;
    }
  }
  throw new Error(`Cannot find "contract" in the declaration of "${contractFile}"`);
}

/** The named types that the contract reaches. */
class ReachedTypes {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;
  readonly #packages: ReadonlySet<string>;
  /** Texts by name, in the order in which they were reached; empty while in the making. */
  readonly #texts = new Map<string, string>();
  readonly #symbols = new Map<string, ts.Symbol>();
  readonly #imports = new Map<string, Set<string>>();

  constructor(program: ts.Program, packages: ReadonlySet<string>) {
    this.#program = program;
    this.#checker = program.getTypeChecker();
    this.#packages = packages;
  }

  declarations(): string[] {
    return [...this.#texts.values()];
  }

  imports(): string[] {
    return [...this.#imports].sort(([a], [b]) => a < b ? -1 : 1).map(([specifier, names]) =>
      `import type { ${[...names].sort().join(", ")} } from "${specifier}";`
    );
  }

  /** The text of a printed type, in which `import("…").Name` became `Name`. */
  rewrite(node: ts.TypeNode, from: string): string {
    const source = node.getSourceFile();
    const edits: { start: number; end: number; text: string }[] = [];
    const visit = (child: ts.Node): void => {
      if (child.kind === ts.SyntaxKind.AnyKeyword) throw new Error(ANY);
      if (ts.isImportTypeNode(child)) edits.push(this.#importedType(child, from));
      // Names without an import: of the contract file itself, of packages that it imports.
      else if (ts.isTypeReferenceNode(child)) this.#reachByName(child.typeName.getText(), from);
      ts.forEachChild(child, visit);
    };
    visit(node);
    let text = source.text.slice(node.getStart(), node.getEnd());
    for (const { start, end, text: replacement } of edits.toReversed()) {
      const offset = node.getStart();
      text = text.slice(0, start - offset) + replacement + text.slice(end - offset);
    }
    return text;
  }

  #importedType(node: ts.ImportTypeNode, from: string) {
    const specifier = literalText(node.argument);
    const name = node.qualifier?.getText() ?? "";
    const end = node.qualifier?.getEnd() ?? node.getEnd();
    if (specifier.startsWith(".")) this.#reach(this.#exportOf(specifier, name, from));
    else this.#importPackage(specifier, name);
    return { start: node.getStart(), end, text: name };
  }

  #exportOf(specifier: string, name: string, from: string): ts.Symbol {
    const path = new URL(specifier, `file://${from}`).pathname;
    const source = this.#program.getSourceFile(decodeURIComponent(path));
    const module = source === undefined ? undefined : this.#checker.getSymbolAtLocation(source);
    const symbol = module?.exports?.get(ts.escapeLeadingUnderscores(name));
    if (symbol === undefined) throw new Error(`Cannot find "${name}" in "${specifier}"`);
    return this.#original(symbol);
  }

  #reachByName(name: string, from: string): void {
    const source = this.#program.getSourceFile(from);
    if (source === undefined) throw new Error(`Cannot read "${from}"`);
    const symbols = this.#checker.getSymbolsInScope(
      source,
      ts.SymbolFlags.Type | ts.SymbolFlags.Alias,
    );
    const symbol = symbols.find((candidate) => candidate.name === name);
    if (symbol === undefined) throw new Error(`Cannot find the type "${name}" of "${from}"`);
    this.#reachSymbol(symbol);
  }

  /** Copies what belongs to the server, imports what belongs to a package, leaves the library's. */
  #reachSymbol(symbol: ts.Symbol): void {
    const specifier = packageOf(symbol);
    if (specifier !== undefined) return this.#importPackage(specifier, symbol.name);
    const original = this.#original(symbol);
    const declaration = original.declarations?.[0];
    if (declaration === undefined || ts.isTypeParameterDeclaration(declaration)) return;
    if (this.#program.isSourceFileDefaultLibrary(declaration.getSourceFile())) return;
    if (original.name !== symbol.name) {
      throw new Error(`The contract reaches "${original.name}" under the name "${symbol.name}"`);
    }
    this.#reach(original);
  }

  #reach(symbol: ts.Symbol): void {
    const { name } = symbol;
    const known = this.#symbols.get(name);
    if (known === symbol) return;
    if (known !== undefined) throw new Error(`The contract reaches two types named "${name}"`);
    this.#symbols.set(name, symbol);
    this.#texts.set(name, "");
    this.#texts.set(name, this.#declare(symbol));
  }

  #declare(symbol: ts.Symbol): string {
    const declaration = symbol.declarations?.[0];
    if (symbol.declarations?.length === 1 && declaration !== undefined) {
      if (ts.isInterfaceDeclaration(declaration)) return this.#copy(declaration);
      if (ts.isTypeAliasDeclaration(declaration)) {
        return queriesValue(declaration)
          ? this.#spellOut(symbol, declaration)
          : this.#copy(declaration);
      }
    }
    throw new Error(`The contract reaches "${symbol.name}", which is more than a type`);
  }

  #copy(declaration: ts.InterfaceDeclaration | ts.TypeAliasDeclaration): string {
    const visit = (child: ts.Node): void => {
      if (child.kind === ts.SyntaxKind.AnyKeyword) throw new Error(ANY);
      if (ts.isTypeQueryNode(child) || ts.isImportTypeNode(child)) {
        throw new Error(`Cannot copy "${child.getText()}" into the contract: give it a name`);
      }
      const name = ts.isTypeReferenceNode(child)
        ? child.typeName
        : ts.isExpressionWithTypeArguments(child)
        ? child.expression
        : undefined;
      const symbol = name === undefined ? undefined : this.#checker.getSymbolAtLocation(name);
      if (symbol !== undefined) this.#reachSymbol(symbol);
      ts.forEachChild(child, visit);
    };
    ts.forEachChild(declaration, visit);
    // The comment next to the declaration: a file's first one also has the module's before it.
    const comment = ts.getJSDocCommentsAndTags(declaration).findLast(ts.isJSDoc);
    const start = (comment ?? declaration).getStart();
    return declaration.getSourceFile().text.slice(start, declaration.getEnd());
  }

  /** A type made of a constant of the server, as `keyof typeof CODES`, by what comes out. */
  #spellOut(symbol: ts.Symbol, declaration: ts.TypeAliasDeclaration): string {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;
    const text = this.#checker.typeToString(type, declaration, flags);
    if (!/^("[^"]*"|\d+|[ |])+$/.test(text)) {
      throw new Error(`Cannot write "${symbol.name}" without the server: ${text}`);
    }
    return `export type ${symbol.name} = ${text.split(" | ").sort().join(" | ")};`;
  }

  #original(symbol: ts.Symbol): ts.Symbol {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #importPackage(specifier: string, name: string): void {
    const [scopeOrName = "", inScope = ""] = specifier.split("/");
    const owner = scopeOrName.startsWith("@") ? `${scopeOrName}/${inScope}` : scopeOrName;
    if (!this.#packages.has(owner)) {
      throw new Error(`The contract reaches "${name}" of the package "${owner}", not on the list`);
    }
    const names = this.#imports.get(specifier) ?? new Set();
    this.#imports.set(specifier, names.add(name));
  }
}

const ANY = "The contract holds `any`: a type of the server could not be resolved";

/** The package that a name was imported from, as the import says it. */
function packageOf(symbol: ts.Symbol): string | undefined {
  const declaration = symbol.declarations?.[0];
  if (declaration === undefined || !ts.isImportSpecifier(declaration)) return undefined;
  const specifier = declaration.parent.parent.parent.moduleSpecifier;
  if (!ts.isStringLiteral(specifier) || specifier.text.startsWith(".")) return undefined;
  if (declaration.propertyName !== undefined) {
    throw new Error(`The contract reaches "${symbol.name}", renamed in its import`);
  }
  return specifier.text;
}

function queriesValue(node: ts.Node): boolean {
  return ts.isTypeQueryNode(node) || (ts.forEachChild(node, queriesValue) ?? false);
}

function literalText(node: ts.TypeNode): string {
  if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) return node.literal.text;
  throw new Error(`Cannot read the import of ${node.getText()}`);
}
