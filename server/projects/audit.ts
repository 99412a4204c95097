import { control, type ControlSql } from "./control_sql.ts";
import type { AuditAct } from "./types.ts";

const MAX_TEXT = 500;

/** Adds an administrative act to the audit, with the database's time. */
export async function writeAudit(sql: ControlSql, act: AuditAct): Promise<void> {
  await control(sql`
    INSERT INTO fluxbase_control.audit (actor, action, project, subject, request_id)
    VALUES (${text(act.actor)}, ${text(act.action)}, ${text(act.project)}, ${text(act.subject)},
      ${text(act.requestId)})`);
}

function text(value: string): string;
function text(value: string | undefined): string | null;
function text(value: string | undefined): string | null {
  // The database's text holds no NUL.
  return value?.replaceAll("\0", "").slice(0, MAX_TEXT) ?? null;
}
