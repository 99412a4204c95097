/**
 * The steps that make a project's database what it is. Each is idempotent SQL, recorded with the
 * checksum of its text and run again when that text changes: the template, a fresh clone and a
 * database made by an older version therefore all arrive at the same catalog.
 *
 * @module
 */
import type { RoleName } from "../../database.ts";
import type { DedicatedConnection, Statements } from "../dedicated.ts";
import catalogSql from "./catalog.sql" with { type: "text" };
import forbiddenFunctionsSql from "./forbidden_functions.sql" with { type: "text" };
import { grantsSql } from "./grants.ts";
import guardsSql from "./guards.sql" with { type: "text" };
import schemasSql from "./schemas.sql" with { type: "text" };

/** One idempotent step; what it leaves behind is recorded in `fluxbase.migrations`. */
export interface Step {
  readonly name: string;
  readonly sql: string;
}

/** What a version of Fluxbase makes of a project's database. */
export interface Blueprint {
  /** Raised with every release that changes a step. */
  readonly version: number;
  /** Run in the template, in this order. The first makes the schema `fluxbase`. */
  readonly steps: readonly Step[];
  /** The step that runs in each project's database, made for its own logins. */
  readonly grants: (logins: Readonly<Record<RoleName, string>>) => string;
}

/** The blueprint of this version. */
export const BLUEPRINT: Blueprint = {
  version: 1,
  steps: [
    { name: "schemas", sql: schemasSql },
    { name: "catalog", sql: catalogSql.replace("$forbidden$", () => forbiddenFunctionsSql) },
    { name: "guards", sql: guardsSql },
  ],
  grants: grantsSql,
};

/** Stand-ins for the logins: the checksum of the grants is the same in every project. */
const ANY_LOGINS: Readonly<Record<RoleName, string>> = {
  owner: "owner",
  service_rw: "service_rw",
  service_ro: "service_ro",
  user_rw: "user_rw",
  user_ro: "user_ro",
  loader: "loader",
};

interface CheckedStep extends Step {
  readonly checksum: string;
}

async function checked(step: Step, text: string, major: number): Promise<CheckedStep> {
  // A server upgraded in place brings functions that no step has seen: the major version counts.
  return { ...step, checksum: await sha256(`${major}\n${text}`) };
}

/** Hexadecimal SHA-256 of a text. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The steps for a database: the template's, and for a project's database its grants after them. */
export async function stepsOf(
  blueprint: Blueprint,
  major: number,
  logins?: Readonly<Record<RoleName, string>>,
): Promise<readonly CheckedStep[]> {
  const steps = await Promise.all(
    blueprint.steps.map((step) => checked(step, step.sql, major)),
  );
  if (logins === undefined) return steps;
  const grants = { name: "grants", sql: blueprint.grants(logins) };
  return [...steps, await checked(grants, blueprint.grants(ANY_LOGINS), major)];
}

/** The steps that a database has not had in their present text. */
async function pending(
  sql: Statements,
  steps: readonly CheckedStep[],
): Promise<readonly CheckedStep[]> {
  const [there] = await sql<{ there: boolean }[]>`
    SELECT pg_catalog.to_regclass('fluxbase.migrations') IS NOT NULL AS there`;
  if (there?.there !== true) return steps;
  const rows = await sql<{ step: string; checksum: string }[]>`
    SELECT step, checksum FROM fluxbase.migrations`;
  const done = new Map(rows.map((row) => [row.step, row.checksum]));
  return steps.filter((step) => done.get(step.name) !== step.checksum);
}

/**
 * Runs what is pending in the database that the connection is to, in one transaction under a lock:
 * after a crash nothing or all of it is there, and of two processes one finds nothing to do.
 *
 * @returns names of the steps that ran
 */
export async function applySteps(
  connection: DedicatedConnection,
  version: number,
  steps: readonly CheckedStep[],
): Promise<string[]> {
  if ((await pending(connection.query, steps)).length === 0) return [];
  return await connection.transaction(async (transaction) => {
    await transaction`SELECT pg_catalog.pg_advisory_xact_lock(7158, 1)`;
    const todo = await pending(transaction, steps);
    for (const step of todo) {
      await transaction.unsafe(step.sql);
      await transaction`
        INSERT INTO fluxbase.migrations (step, checksum, template_version)
        VALUES (${step.name}, ${step.checksum}, ${version})
        ON CONFLICT (step) DO UPDATE
        SET checksum = excluded.checksum, template_version = excluded.template_version,
          applied_at = pg_catalog.now()`;
    }
    return todo.map((step) => step.name);
  });
}
