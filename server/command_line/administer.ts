/**
 * The commands for projects, keys and database servers.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Config } from "../config.ts";
import { Remote } from "./remote.ts";
import { type Print, table, UsageError } from "./usage.ts";

const OPTIONS = {
  url: { type: "string" },
  server: { type: "string" },
  dialect: { type: "string" },
  scopes: { type: "string" },
  kind: { type: "string" },
  name: { type: "string" },
  expires: { type: "string" },
  yes: { type: "boolean" },
  undo: { type: "boolean" },
} as const;

type Flags = { readonly [Name in keyof typeof OPTIONS]?: string | boolean | undefined };

/** One command: the names of what it takes in order, the flags it knows, and what it does. */
interface Command {
  readonly takes: readonly string[];
  readonly flags: readonly (keyof typeof OPTIONS)[];
  run(remote: Remote, args: readonly string[], flags: Flags): Promise<string>;
}

/** Fields of the server's answers that the lists show. */
interface Listed {
  readonly projects: { id: string; dialect: string; server: string; state: string }[];
  readonly servers: {
    name: string;
    dialect: string;
    host: string;
    state: string;
    projects: number;
    version: string;
    lacks: string[];
  }[];
  readonly keys: {
    id: string;
    kind: string;
    scopes: string[];
    name: string | null;
    expiresAt: string | null;
    lastUsedAt: string | null;
  }[];
}

const COMMANDS: Readonly<Record<string, Command>> = {
  "project create": {
    takes: ["id"],
    flags: ["server", "dialect"],
    async run(remote, [id], { server, dialect = "postgres" }) {
      return String((await remote.call("POST", "/projects", { id, dialect, server }))["key"]);
    },
  },
  "project list": {
    takes: [],
    flags: [],
    async run(remote) {
      const { projects } = await remote.call("GET", "/projects") as unknown as Listed;
      const rows = projects.map(({ id, dialect, server, state }) => [id, dialect, server, state]);
      return table(["PROJECT", "DIALECT", "SERVER", "STATE"], rows);
    },
  },
  "project delete": {
    takes: ["id"],
    flags: ["yes"],
    async run(remote, [id = ""], { yes }) {
      if (yes !== true) {
        throw new UsageError(`This removes project "${id}" with all its data; add --yes to do it`);
      }
      await remote.call("DELETE", `/projects/${encodeURIComponent(id)}`);
      return `Project "${id}" is removed`;
    },
  },
  "key create": {
    takes: ["project"],
    flags: ["scopes", "kind", "name", "expires"],
    async run(remote, [project = ""], { scopes, kind, name, expires }) {
      if (typeof scopes !== "string") {
        throw new UsageError("A key needs --scopes, such as --scopes sql:read,sql:write");
      }
      const body = {
        scopes: scopes.split(",").map((s) => s.trim()),
        kind,
        name,
        expiresAt: expires,
      };
      const path = `/projects/${encodeURIComponent(project)}/keys`;
      return String((await remote.call("POST", path, body))["key"]);
    },
  },
  "key list": {
    takes: ["project"],
    flags: [],
    async run(remote, [project = ""]) {
      const path = `/projects/${encodeURIComponent(project)}/keys`;
      const { keys } = await remote.call("GET", path) as unknown as Listed;
      const rows = keys.map(({ id, kind, scopes, name, expiresAt, lastUsedAt }) => [
        ...[id, kind, scopes.join(","), name ?? "-", expiresAt ?? "never", lastUsedAt ?? "never"],
      ]);
      return table(["KEY", "KIND", "SCOPES", "NAME", "EXPIRES", "LAST USED"], rows);
    },
  },
  "key revoke": {
    takes: ["project", "key id"],
    flags: [],
    async run(remote, [project = "", key = ""]) {
      const path = `/projects/${encodeURIComponent(project)}/keys/${encodeURIComponent(key)}`;
      await remote.call("DELETE", path);
      return `Key "${key}" is revoked`;
    },
  },
  "servers add": {
    takes: ["name", "url"],
    flags: ["dialect"],
    async run(remote, [name = "", given = ""], { dialect = "postgres" }) {
      // A password in the arguments is seen by every user of the machine
      const url = given === "-" ? (await new Response(Deno.stdin.readable).text()).trim() : given;
      await remote.call("POST", "/servers", { name, dialect, url });
      return `Server "${name}" takes projects`;
    },
  },
  "servers list": {
    takes: [],
    flags: [],
    async run(remote) {
      const { servers } = await remote.call("GET", "/servers") as unknown as Listed;
      const rows = servers.map(({ name, dialect, host, state, projects, version, lacks }) => [
        ...[name, dialect, host, state, String(projects), version, lacks.join("; ") || "-"],
      ]);
      return table(["SERVER", "DIALECT", "HOST", "STATE", "PROJECTS", "VERSION", "LACKS"], rows);
    },
  },
  "servers drain": {
    takes: ["name"],
    flags: ["undo"],
    async run(remote, [name = ""], { undo }) {
      const state = undo === true ? "active" : "draining";
      await remote.call("PATCH", `/servers/${encodeURIComponent(name)}`, { state });
      return `Server "${name}" takes ${undo === true ? "projects again" : "no new projects"}`;
    },
  },
};

/** Whether the words name a command of this file. */
export function isAdministration(words: readonly string[]): boolean {
  return words.slice(0, 2).join(" ") in COMMANDS;
}

/** Runs the command that the words name. */
export async function administer(
  words: readonly string[],
  config: Config,
  print: Print,
): Promise<void> {
  const name = words.slice(0, 2).join(" ");
  const command = COMMANDS[name];
  if (command === undefined) throw new UsageError(`No command is called "${name}"; see --help`);
  const { values, positionals } = parseArgs({
    args: words.slice(2),
    options: OPTIONS,
    allowPositionals: true,
  });
  const strange = Object.keys(values).find((flag) =>
    flag !== "url" && !command.flags.some((known) => known === flag)
  );
  if (strange !== undefined) throw new UsageError(`"${name}" takes no --${strange}; see --help`);
  if (positionals.length !== command.takes.length) {
    const wanted = command.takes.map((what) => ` <${what}>`).join("");
    throw new UsageError(`"${name}" is used as: ${name}${wanted}; see --help`);
  }
  print(await command.run(await Remote.of(config, values.url), positionals, values));
}
