/**
 * The lint rule that keeps imports running downwards: members import each other only as the house
 * allows, and each room of the server stands on those below it.
 *
 * @module
 */
import { dirname, join, normalize, relative } from "node:path";

/** What a member may import of another: `types` is `import type` only. */
const MEMBERS: Readonly<Record<string, Readonly<Record<string, "all" | "types">>>> = {
  flatsql: {},
  server: { flatsql: "all" },
  client: { server: "types" },
  playground: { client: "all", flatsql: "all" },
};

/** Height of the server's rooms and files: an import may go sideways within a room, or down. */
const HEIGHT: Readonly<Record<string, number>> = {
  "main.ts": 7,
  command_line: 7,
  "app.ts": 6,
  "contract.ts": 5,
  "demo.ts": 5,
  api: 5,
  access: 4,
  ingest: 4,
  realtime: 4,
  projects: 3,
  databases: 2,
  observe: 1,
  "config.ts": 0,
  "data_folder.ts": 0,
  "demo_data.ts": 0,
  "errors.ts": 0,
};

/** Rooms of one height that must not know each other. */
const APART = new Set(["ingest", "realtime"]);

/** Folders of `server/databases/` that are a dialect. */
const DIALECTS = new Set(["postgres", "mysql", "flatsql"]);

/** Tests, benches and test support may reach anything. */
const UNBOUND = /(_test|_bench)\.ts$|\/(testing|e2e|bench)\//;

const ROOT = dirname(import.meta.dirname ?? "");

/** The place in the house that `specifier` means when `file` (relative to the root) says it. */
function target(file: string, specifier: string): string | undefined {
  const member = /^@fluxbase\/(\w+)/.exec(specifier)?.[1];
  if (member !== undefined) return `${member}/mod.ts`;
  if (!specifier.startsWith(".")) return undefined;
  return normalize(join(dirname(file), specifier));
}

/**
 * Why the import of `specifier` by `file` (a path relative to the workspace) is against the
 * order, or nothing when it is fine.
 */
export function violation(file: string, specifier: string, typeOnly: boolean): string | undefined {
  if (UNBOUND.test(file)) return undefined;
  const to = target(file, specifier);
  if (to === undefined) return undefined;
  const [fromMember = "", ...fromPath] = file.split("/");
  const [toMember = "", ...toPath] = to.split("/");
  if (fromMember !== toMember) {
    if (!(fromMember in MEMBERS)) return undefined;
    const allowed = MEMBERS[fromMember]?.[toMember];
    if (allowed === "all" || (allowed === "types" && typeOnly)) return undefined;
    return allowed === "types"
      ? `"${fromMember}" may import only types from "${toMember}"`
      : `"${fromMember}" must not import from "${toMember}"`;
  }
  return fromMember === "server" ? violationInServer(fromPath, toPath) : undefined;
}

function violationInServer(from: readonly string[], to: readonly string[]): string | undefined {
  const [fromRoom = "", fromPart = ""] = from;
  const [toRoom = "", toPart = ""] = to;
  if (fromRoom === toRoom) {
    const crossing = fromRoom === "databases" && fromPart !== toPart &&
      DIALECTS.has(fromPart) && DIALECTS.has(toPart);
    return crossing ? `Dialect "${fromPart}" must not import dialect "${toPart}"` : undefined;
  }
  const fromHeight = HEIGHT[fromRoom];
  const toHeight = HEIGHT[toRoom];
  if (fromHeight === undefined || toHeight === undefined) {
    const stranger = fromHeight === undefined ? fromRoom : toRoom;
    return `"server/${stranger}" has no place in the order of tools/layers.ts`;
  }
  if (toHeight > fromHeight) return `"${fromRoom}" must not import up from "${toRoom}"`;
  if (APART.has(fromRoom) && APART.has(toRoom)) {
    return `"${fromRoom}" and "${toRoom}" know each other through ports only`;
  }
  return undefined;
}

function check(
  context: Deno.lint.RuleContext,
  node: Deno.lint.Node,
  source: Deno.lint.Expression | Deno.lint.StringLiteral | null,
  typeOnly: boolean,
): void {
  if (source === null || source.type !== "Literal" || typeof source.value !== "string") return;
  const file = relative(ROOT, context.filename);
  const message = violation(file, source.value, typeOnly);
  if (message !== undefined) context.report({ node, message });
}

export default {
  name: "fluxbase",
  rules: {
    layers: {
      create: (context) => ({
        ImportDeclaration(node) {
          check(context, node, node.source, node.importKind === "type");
        },
        ExportNamedDeclaration(node) {
          check(context, node, node.source ?? null, node.exportKind === "type");
        },
        ExportAllDeclaration(node) {
          check(context, node, node.source, node.exportKind === "type");
        },
        ImportExpression(node) {
          check(context, node, node.source, false);
        },
      }),
    },
  },
} satisfies Deno.lint.Plugin;
