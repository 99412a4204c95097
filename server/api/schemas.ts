/**
 * The shapes of every call, once: the tRPC procedures parse their inputs with these schemas, the
 * REST routes too, and `GET /api/openapi.json` is made of them. Inputs are strict, so that a
 * misspelt field is an error with its name and never silently ignored.
 *
 * @module
 */
import { z } from "zod";
import type { Column, DialectName, JsonValue, ResultSet, RoleName } from "../databases/database.ts";
import { ROLE_NAMES } from "../databases/database.ts";
import { SCOPES } from "../access/principal.ts";
import { ERROR_CODES, type ErrorCode, type WireError } from "../errors.ts";
import { type SettingName, SETTINGS } from "../projects/settings.ts";
import type { KeyInfo, ProjectInfo, ServerSummary, SettingsInfo } from "./types.ts";

/** PostgreSQL's Bind message counts parameters in 16 bits. */
export const MAX_PARAMETERS = 65_535;

/** What `JSON.parse` made; nothing to check, so a large row costs nothing here. */
const json = z.unknown().meta({ description: "Any JSON value" }) as z.ZodType<JsonValue, JsonValue>;

const milliseconds = z.int().min(1);
const dialect = z.enum(["postgres", "mysql", "flatsql"]) satisfies z.ZodType<DialectName>;
const projectId = z.string().min(1).max(63).meta({ description: "The project's id" });
const keyId = z.string().min(1).max(64).meta({ description: "The key's public id" });
const serverName = z.string().min(1).max(63).meta({ description: "The database server's name" });
const instant = z.string().meta({ description: "ISO 8601 in UTC", format: "date-time" });
const scopes = z.array(z.enum(SCOPES)).min(1).meta({ description: "What the key may do" });

const query = z.string().min(1).meta({ description: "One SQL statement" });
const params = z.array(json).max(MAX_PARAMETERS).meta({
  description: "Values of $1, $2, …; in the form in which results carry them",
});
const limits = {
  timeoutMs: milliseconds.optional().meta({
    description: "Milliseconds until the statement is stopped; at most what the project allows",
  }),
  maxRows: z.int().min(1).optional().meta({
    description: "Rows of the answer; more are cut off and `truncated` is set",
  }),
  maxBytes: z.int().min(1).optional().meta({
    description: "Bytes of the answer; more are cut off and `truncated` is set",
  }),
};
const statement = z.strictObject({ query, params: params.optional() });

/** Inputs, named as their procedures. */
export const inputs = {
  execute: z.strictObject({ query, params: params.optional(), ...limits }),
  batch: z.strictObject({
    statements: z.array(statement).min(1).max(1_000),
    isolation: z.enum(["read committed", "repeatable read", "serializable"]).optional(),
    readOnly: z.boolean().optional(),
    ...limits,
  }),
  stream: z.strictObject({ query, params: params.optional(), timeoutMs: limits.timeoutMs }),
  createProject: z.strictObject({ id: projectId, dialect, server: serverName.optional() }),
  projectId: z.strictObject({ id: projectId }),
  updateSettings: z.strictObject({
    id: projectId,
    settings: z.record(z.string(), z.unknown()).meta({
      description: "The settings to change; null puts one back to its default",
    }),
  }),
  installExtension: z.strictObject({ id: projectId, name: z.string().min(1).max(63) }),
  createKey: z.strictObject({
    projectId,
    scopes,
    kind: z.enum(["secret", "publishable"]).optional(),
    name: z.string().min(1).max(200).optional(),
    expiresAt: z.iso.datetime({ offset: true }).optional().meta({ description: "ISO 8601" }),
  }),
  listKeys: z.strictObject({ projectId }),
  revokeKey: z.strictObject({ projectId, keyId }),
  addServer: z.strictObject({ name: serverName, dialect, url: z.string().min(1).max(2_000) }),
  updateServer: z.strictObject({ name: serverName, state: z.enum(["active", "draining"]) }),
  signIn: z.strictObject({ code: z.string().min(1).max(100) }),
};

/** The REST body of `POST /api/execute-sql`: the procedure's input and the form of the rows. */
export const executeSqlBody = inputs.execute.extend({
  rowMode: z.enum(["object", "array"]).optional().meta({
    description: "`array` gives rows as arrays, so that equal column names survive",
  }),
});

const column = z.object({ name: z.string(), type: z.string() }) satisfies z.ZodType<Column>;
const truncated = z.boolean().meta({ description: "Whether a limit cut rows off" });
const rowCount = z.int().meta({ description: "Rows returned, or changed" });
const command = z.string().meta({ description: "The statement's verb, as SELECT" });

const resultSet = z.object({
  columns: z.array(column).readonly(),
  rows: z.array(z.array(json).readonly()).readonly(),
  rowCount,
  command,
  truncated,
}) satisfies z.ZodType<ResultSet>;

const settings = z.object(
  Object.fromEntries(
    Object.entries(SETTINGS).map(([name, { schema, meaning }]) => [
      name,
      schema.meta({ description: meaning }),
    ]),
  ) as { [Name in SettingName]: typeof SETTINGS[Name]["schema"] },
) satisfies z.ZodType<SettingsInfo>;

const project = z.object({
  id: z.string(),
  dialect,
  server: z.string(),
  state: z.enum(["creating", "ready", "deleting"]),
  roles: z.record(z.enum(ROLE_NAMES), z.string()).meta({
    description: "The names that a GRANT may use",
  }) satisfies z.ZodType<Record<RoleName, string>>,
  settings,
  createdAt: instant,
}) satisfies z.ZodType<ProjectInfo>;

const server = z.object({
  name: z.string(),
  dialect,
  host: z.string(),
  state: z.enum(["active", "draining"]),
  projects: z.int(),
  lacks: z.array(z.string()).readonly(),
  version: z.string(),
}) satisfies z.ZodType<ServerSummary>;

const key = z.object({
  id: z.string(),
  kind: z.enum(["secret", "publishable"]),
  scopes: z.array(z.enum(SCOPES)).readonly(),
  name: z.string().nullable(),
  createdAt: instant,
  expiresAt: instant.nullable(),
  lastUsedAt: instant.nullable(),
}) satisfies z.ZodType<KeyInfo>;

/** Outputs, named as their procedures; the documentation is made of them. */
export const outputs = {
  resultSet,
  project,
  server,
  key,
  newKey: z.object({
    id: z.string(),
    key: z.string().meta({ description: "The key itself, shown this once" }),
  }),
  signIn: z.object({
    projectId: z.string(),
    key: z.string(),
  }),
};

/** What `POST /api/execute-sql` answers beside `success`. */
export const executeSqlResult = z.object({
  result: z.object({
    rows: z.union([z.array(z.record(z.string(), json)), z.array(z.array(json))]),
    columns: z.array(z.string()),
    types: z.array(z.string()).meta({ description: "The columns' types, in the same order" }),
    rowCount,
    command,
    truncated: truncated.optional(),
  }),
});

const errorCodes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** The error on every face. */
export const wireError = z.object({
  code: z.enum(errorCodes),
  message: z.string(),
  sqlstate: z.string().optional().meta({ description: "The database's own five-character code" }),
  detail: z.string().optional(),
  hint: z.string().optional(),
  position: z.int().optional().meta({
    description: "1-based, in characters of the text as it was sent",
  }),
  constraint: z.string().optional(),
  table: z.string().optional(),
  column: z.string().optional(),
  retryable: z.boolean(),
  requestId: z.string(),
});

/** Parsed forms of the inputs. */
export type ExecuteInput = z.infer<typeof inputs.execute>;
export type BatchInput = z.infer<typeof inputs.batch>;
export type StreamInput = z.infer<typeof inputs.stream>;
export type CreateKeyInput = z.infer<typeof inputs.createKey>;

/** Compiles only while the documented error and the one that is sent are the same. */
export type DocumentedError = z.infer<typeof wireError> extends { [K in keyof WireError]: unknown }
  ? WireError
  : never;
