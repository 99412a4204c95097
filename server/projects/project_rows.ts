/**
 * The rows of projects, and each transition of their life-cycle as one statement. A transition
 * happens only from the states that its event leaves (see `life_cycle.ts`).
 *
 * @module
 */
import type { DialectName } from "../databases/database.ts";
import { FluxbaseError } from "../errors.ts";
import { type ControlQuery, type ControlSql } from "./control_sql.ts";
import { LEASE_MS } from "./changes.ts";
import { type ProjectEvent, type ProjectState, refusalOf, statesLeftBy } from "./life_cycle.ts";
import type { SettingsOverlay } from "./settings.ts";

export interface ProjectRow {
  readonly id: string;
  readonly token: string;
  readonly dialect: DialectName;
  readonly server: string;
  readonly state: Exclude<ProjectState, "absent">;
  readonly attempt: number;
  readonly settings: SettingsOverlay;
  readonly created_at: Date;
  readonly dropped: boolean;
}

/** What a worker took up: its outcome counts only while the row still matches. */
export type Claim = Pick<ProjectRow, "id" | "token" | "state" | "attempt">;

/** How long a deleted project's id stays taken. */
export const ID_HOLD_MS = 2 * LEASE_MS;
const ID_HOLD = `${ID_HOLD_MS} milliseconds`;

/** The states that an event leaves, as the statements below take lists: joined by commas. */
function left(event: ProjectEvent): string {
  return statesLeftBy(event).join();
}

export async function readProject(
  sql: ControlQuery,
  id: string,
): Promise<ProjectRow | undefined> {
  const [row] = await sql<ProjectRow[]>`
    SELECT id, token, dialect, server, state, attempt, settings, created_at, dropped
    FROM fluxbase_control.projects WHERE id = ${id}`;
  return row;
}

export async function readProjects(sql: ControlQuery): Promise<ProjectRow[]> {
  return await sql<ProjectRow[]>`
    SELECT id, token, dialect, server, state, attempt, settings, created_at, dropped
    FROM fluxbase_control.projects ORDER BY created_at, id`;
}

/** Throws what an event meets in this state, where the state refuses it. */
export function refuseEvent(id: string, state: ProjectState, event: ProjectEvent): void {
  const code = refusalOf(state, event);
  if (code === undefined) return;
  throw new FluxbaseError(code, REFUSALS[code]?.(id) ?? `Project "${id}" is ${state}`);
}

const REFUSALS: Readonly<Record<string, (id: string) => string>> = {
  PROJECT_NOT_FOUND: (id) => `No project is called "${id}"`,
  PROJECT_EXISTS: (id) => `Project "${id}" exists already`,
  PROJECT_UNAVAILABLE: (id) => `Project "${id}" is still being removed`,
};

/** The error for a request to a project that does not answer. */
export function notAnswering(id: string, state: ProjectState): FluxbaseError {
  if (state === "absent") {
    return new FluxbaseError("PROJECT_NOT_FOUND", `No project is called "${id}"`);
  }
  const why = state === "creating" ? "being made" : "being removed";
  return new FluxbaseError("PROJECT_UNAVAILABLE", `Project "${id}" is ${why}`);
}

/** `create`: writes the row (invariant 2). */
export async function insertProject(
  sql: ControlQuery,
  { id, token, dialect, server }: Pick<ProjectRow, "id" | "token" | "dialect" | "server">,
): Promise<ProjectRow> {
  const [row] = await sql<ProjectRow[]>`
    INSERT INTO fluxbase_control.projects (id, token, dialect, server, state)
    VALUES (${id}, ${token}, ${dialect}, ${server}, 'creating')
    ON CONFLICT (id) DO NOTHING
    RETURNING id, token, dialect, server, state, attempt, settings, created_at, dropped`;
  if (row !== undefined) return row;
  const state = (await readProject(sql, id))?.state ?? "creating";
  refuseEvent(id, state, "create");
  throw new Error(`Project "${id}" could not be inserted in state ${state}`);
}

/** Takes the work on a project up under a new attempt; undefined when there is none (any more). */
export async function claimProject(
  sql: ControlQuery,
  token: string,
): Promise<ProjectRow | undefined> {
  const [row] = await sql<ProjectRow[]>`
    UPDATE fluxbase_control.projects SET attempt = attempt + 1
    WHERE token = ${token} AND state <> 'ready' AND NOT dropped
    RETURNING id, token, dialect, server, state, attempt, settings, created_at, dropped`;
  return row;
}

/** `created`: false when the outcome came too late to count (invariant 4). */
export async function markReady(sql: ControlQuery, claim: Claim): Promise<boolean> {
  const updated = await sql`
    UPDATE fluxbase_control.projects SET state = 'ready'
    WHERE token = ${claim.token} AND state = ANY (string_to_array(${left("created")}, ','))
      AND state = ${claim.state} AND attempt = ${claim.attempt}`;
  return updated.count === 1;
}

/** `failed`: the project goes the way of a deleted one (invariant 8). */
export async function markFailed(sql: ControlQuery, claim: Claim): Promise<void> {
  await sql`
    UPDATE fluxbase_control.projects SET state = 'deleting', deleted_at = clock_timestamp()
    WHERE token = ${claim.token} AND state = ANY (string_to_array(${left("failed")}, ','))
      AND state = ${claim.state} AND attempt = ${claim.attempt}`;
}

/** `delete`, the project's keys with it (invariant 6). Returns the row as it is now. */
export async function markDeleting(sql: ControlQuery, id: string): Promise<ProjectRow> {
  await sql`
    UPDATE fluxbase_control.projects SET state = 'deleting', deleted_at = clock_timestamp()
    WHERE id = ${id} AND state = ANY (string_to_array(${left("delete")}, ','))`;
  await sql`
    DELETE FROM fluxbase_control.keys USING fluxbase_control.projects
    WHERE keys.project_id = projects.id AND projects.id = ${id} AND projects.state = 'deleting'`;
  const row = await readProject(sql, id);
  if (row !== undefined) return row;
  throw notAnswering(id, "absent");
}

/** Whether nothing that is made for a token has a row any more that leads to its removal. */
export async function isGone(sql: ControlQuery, token: string): Promise<boolean> {
  const [row] = await sql<Pick<ProjectRow, "dropped">[]>`
    SELECT dropped FROM fluxbase_control.projects WHERE token = ${token}`;
  return row === undefined || row.dropped;
}

/** All that the project had on its server is gone. */
export async function markDropped(sql: ControlQuery, claim: Claim): Promise<void> {
  await sql`
    UPDATE fluxbase_control.projects SET dropped = true
    WHERE token = ${claim.token} AND state = ${claim.state} AND attempt = ${claim.attempt}`;
}

/** `removed`: the rows of dropped projects whose ids have been held long enough (invariant 7). */
export async function removeDropped(sql: ControlSql): Promise<number> {
  const removed = await sql`
    DELETE FROM fluxbase_control.projects
    WHERE state = ANY (string_to_array(${left("removed")}, ',')) AND dropped
      AND deleted_at < clock_timestamp() - ${ID_HOLD}::interval`;
  return removed.count;
}

/** Projects that wait for a worker, and whether any waits for its id to be free. */
export async function readUnfinished(
  sql: ControlSql,
): Promise<{ tokens: string[]; held: boolean }> {
  const rows = await sql<{ token: string; dropped: boolean }[]>`
    SELECT token, dropped FROM fluxbase_control.projects WHERE state <> 'ready'
    ORDER BY created_at`;
  return {
    tokens: rows.filter(({ dropped }) => !dropped).map(({ token }) => token),
    held: rows.some(({ dropped }) => dropped),
  };
}

/** Changes a project's overlay under a lock on its row, so that two patches never lose one. */
export async function writeSettings(
  sql: ControlQuery,
  id: string,
  change: (overlay: SettingsOverlay) => SettingsOverlay,
): Promise<ProjectRow> {
  const [row] = await sql<ProjectRow[]>`
    SELECT id, token, dialect, server, state, attempt, settings, created_at, dropped
    FROM fluxbase_control.projects WHERE id = ${id} FOR UPDATE`;
  if (row?.state !== "ready") throw notAnswering(id, row?.state ?? "absent");
  const settings = change(row.settings);
  await sql`
    UPDATE fluxbase_control.projects SET settings = ${JSON.stringify(settings)}::text::jsonb
    WHERE id = ${id}`;
  return { ...row, settings };
}
