/**
 * The administrator's operations: projects, their settings, extensions and keys, and database
 * servers. Each act is written to the audit once it has happened.
 *
 * @module
 */
import { SCOPES } from "../access/principal.ts";
import { FluxbaseError } from "../errors.ts";
import type { AuditAct } from "../projects/types.ts";
import type { z } from "zod";
import type { Call } from "./call.ts";
import { identifyAdmin } from "./identify.ts";
import type { CreateKeyInput, inputs } from "./schemas.ts";
import type { KeyInfo, ProjectInfo, ServerSummary } from "./types.ts";

type Input<Name extends keyof typeof inputs> = z.infer<typeof inputs[Name]>;

/** Makes a project and its first key (secret, all scopes), which is shown this once. */
export async function createProject(
  call: Call,
  { id, dialect, server }: Input<"createProject">,
): Promise<{ readonly project: ProjectInfo; readonly key: string }> {
  await identifyAdmin(call);
  const project = await call.parts.control.createProject({
    id,
    dialect,
    ...(server === undefined ? {} : { server }),
  });
  const key = await call.parts.keys.create(id, { scopes: [...SCOPES], name: "first key" });
  await audit(call, { action: "project.create", project: id, subject: key.id });
  return { project, key: key.key };
}

export async function listProjects(
  call: Call,
): Promise<{ readonly projects: readonly ProjectInfo[] }> {
  await identifyAdmin(call);
  return { projects: await call.parts.control.listProjects() };
}

export async function getProject(
  call: Call,
  { id }: Input<"projectId">,
): Promise<{ readonly project: ProjectInfo }> {
  await identifyAdmin(call);
  return { project: await call.parts.control.getProject(id) };
}

/** Answers once the project no longer answers requests. */
export async function deleteProject(
  call: Call,
  { id }: Input<"projectId">,
): Promise<Record<never, never>> {
  await identifyAdmin(call);
  await call.parts.control.deleteProject(id);
  await audit(call, { action: "project.delete", project: id });
  return {};
}

export async function updateSettings(
  call: Call,
  { id, settings }: Input<"updateSettings">,
): Promise<{ readonly project: ProjectInfo }> {
  await identifyAdmin(call);
  const project = await call.parts.control.updateSettings(id, settings);
  await audit(call, {
    action: "project.settings",
    project: id,
    subject: Object.keys(settings).join(","),
  });
  return { project };
}

export async function installExtension(
  call: Call,
  { id, name }: Input<"installExtension">,
): Promise<Record<never, never>> {
  await identifyAdmin(call);
  await call.parts.control.installExtension(id, name);
  await audit(call, { action: "project.extension", project: id, subject: name });
  return {};
}

/** Makes a key, which is shown this once. */
export async function createKey(
  call: Call,
  { projectId, scopes, kind, name, expiresAt }: CreateKeyInput,
): Promise<{ readonly id: string; readonly key: string }> {
  await identifyAdmin(call);
  await call.parts.control.getProject(projectId);
  const { id, key } = await call.parts.keys.create(projectId, {
    scopes,
    ...(kind === undefined ? {} : { kind }),
    ...(name === undefined ? {} : { name }),
    ...(expiresAt === undefined ? {} : { expiresAt: inTheFuture(expiresAt) }),
  });
  await audit(call, { action: "key.create", project: projectId, subject: id });
  return { id, key };
}

/** Lists a project's keys, never their secrets. */
export async function listKeys(
  call: Call,
  { projectId }: Input<"listKeys">,
): Promise<{ readonly keys: readonly KeyInfo[] }> {
  await identifyAdmin(call);
  await call.parts.control.getProject(projectId);
  return { keys: await call.parts.keys.list(projectId) };
}

export async function revokeKey(
  call: Call,
  { projectId, keyId }: Input<"revokeKey">,
): Promise<Record<never, never>> {
  await identifyAdmin(call);
  await call.parts.keys.revoke(projectId, keyId);
  await audit(call, { action: "key.revoke", project: projectId, subject: keyId });
  return {};
}

export async function addServer(
  call: Call,
  { name, dialect, url }: Input<"addServer">,
): Promise<{ readonly server: ServerSummary }> {
  await identifyAdmin(call);
  const server = await call.parts.control.addServer({ name, dialect, url });
  await audit(call, { action: "server.add", subject: name });
  return { server };
}

export async function listServers(
  call: Call,
): Promise<{ readonly servers: readonly ServerSummary[] }> {
  await identifyAdmin(call);
  return { servers: await call.parts.control.listServers() };
}

export async function updateServer(
  call: Call,
  { name, state }: Input<"updateServer">,
): Promise<{ readonly server: ServerSummary }> {
  await identifyAdmin(call);
  const server = await call.parts.control.updateServer(name, { state });
  await audit(call, { action: `server.${state}`, subject: name });
  return { server };
}

function audit(call: Call, act: Omit<AuditAct, "actor" | "requestId">): Promise<void> {
  return call.parts.control.audit({ actor: "admin", requestId: call.requestId, ...act });
}

function inTheFuture(expiresAt: string): string {
  if (Date.parse(expiresAt) > Date.now()) return expiresAt;
  throw new FluxbaseError("BAD_REQUEST", `Key would have expired already at "${expiresAt}"`);
}
