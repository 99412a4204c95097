/**
 * A project's database as the product opens it, for suites of the hot path. The parser's wall is
 * off unless a test brings it along: the session and the database have to hold alone.
 *
 * @module
 */
import type postgres from "postgres";
import type { Actor, Limits, RoleName, StatementClass } from "../databases/database.ts";
import { databaseName, loginName } from "../databases/postgres/address.ts";
import { connectAdmin } from "../databases/postgres/admin.ts";
import { type BudgetOptions, ConnectionBudget } from "../databases/postgres/connect.ts";
import { PostgresDatabase } from "../databases/postgres/database.ts";
import type { StatementValidator } from "../databases/postgres/runtime.ts";
import { type TestProject, testProject } from "./postgres_project.ts";

/** Lets every statement through, its class told by the first word. */
export const noWall: StatementValidator = {
  check(query) {
    const word = /^[\s(]*(\w+)/.exec(query)?.[1]?.toUpperCase() ?? "";
    return {
      class: READS.has(word) ? "read" : WRITES.has(word) ? "write" : "ddl",
      kind: word,
      transactional: word !== "VACUUM",
      explain: word === "EXPLAIN",
    };
  },
};

const READS: ReadonlySet<string> = new Set(["SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN"]);
const WRITES: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

/** Limits that no test meets by accident. */
export const AMPLE: Limits = { timeoutMs: 20_000, maxRows: 100_000, maxBytes: 64 << 20 };

/** An actor by role, with all that the role may do. */
export function actor(role: RoleName): Actor {
  const allows: StatementClass = role === "owner" ? "ddl" : role.endsWith("rw") ? "write" : "read";
  return { role, allows };
}

/** A project with its database open. */
export interface TestDatabase extends AsyncDisposable {
  readonly project: TestProject;
  readonly budget: ConnectionBudget;
  readonly database: PostgresDatabase;
  /** The administrator, connected to the server's own database. */
  readonly admin: postgres.Sql;
  /** Runs one statement with ample limits. */
  run(role: RoleName, query: string, params?: readonly (string | number | null)[]): ReturnType<
    PostgresDatabase["execute"]
  >;
  /** The project's backends that run a statement, as the server sees them. */
  active(): Promise<number>;
  /** All of the project's backends. */
  backends(): Promise<number>;
}

/** Makes a project and opens its database. */
export async function testDatabase(
  options: Partial<BudgetOptions> & {
    readonly budget?: ConnectionBudget;
    readonly validator?: StatementValidator;
  } = {},
): Promise<TestDatabase> {
  const project = await testProject();
  const { address, placement } = project;
  const admin = connectAdmin(address, { max: 2 });
  const budget = options.budget ?? new ConnectionBudget({ connections: 8, ...options });
  const validator = options.validator ?? noWall;
  const database = new PostgresDatabase({ address, placement, validator, budget, admin });
  const count = async (state: string) => {
    const [row] = await admin<{ count: number }[]>`
      SELECT count(*)::int4 AS count FROM pg_stat_activity
      WHERE datname = ${databaseName(placement)} AND state LIKE ${state}
        AND usename LIKE ${loginName(placement, "owner").replace("owner", "%")}`;
    return row?.count ?? 0;
  };
  return {
    project,
    budget,
    database,
    admin,
    run: (role, query, params = []) => database.execute(actor(role), { query, params }, AMPLE),
    active: () => count("active"),
    backends: () => count("%"),
    async [Symbol.asyncDispose]() {
      await database.close();
      if (options.budget === undefined) budget.close();
      await admin.end();
      await project[Symbol.asyncDispose]();
    },
  };
}
