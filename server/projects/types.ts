/**
 * What the control plane knows: servers, projects and their settings, and the acts on them that
 * the faces offer.
 *
 * @module
 */
import type { Database, DialectName, RoleName } from "../databases/database.ts";
import type { Settings } from "./settings.ts";

/** A project as the API shows it. */
export interface Project {
  readonly id: string;
  readonly dialect: DialectName;
  /** Name of the database server that it is placed on. */
  readonly server: string;
  readonly state: "creating" | "ready" | "deleting";
  /** The names that a GRANT may use. */
  readonly roles: Readonly<Record<RoleName, string>>;
  /** Settings in force: defaults overlaid by what was patched. */
  readonly settings: Settings;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
}

/** A project that answers requests. */
export interface OpenProject {
  readonly project: Project;
  readonly database: Database;
}

/** A database server as the API shows it; never its URL's password. */
export interface ServerInfo {
  readonly name: string;
  readonly dialect: DialectName;
  readonly host: string;
  readonly state: "active" | "draining";
  readonly projects: number;
  /** What the server lacks, each with its remedy. */
  readonly lacks: readonly string[];
  readonly version: string;
}

/** Servers, projects and settings; the implementation is `openControlPlane` of this room. */
export interface ControlPlane {
  createProject(input: { id: string; dialect: DialectName; server?: string }): Promise<Project>;
  listProjects(): Promise<Project[]>;
  getProject(id: string): Promise<Project>;
  /** Answers once the project no longer answers requests; the removal itself goes on behind. */
  deleteProject(id: string): Promise<void>;
  updateSettings(id: string, patch: Readonly<Record<string, unknown>>): Promise<Project>;
  installExtension(id: string, name: string): Promise<void>;
  /**
   * The project's database for a request. Synchronous when it is open already (the hot path);
   * `PROJECT_NOT_FOUND`, `PROJECT_UNAVAILABLE` otherwise.
   */
  open(id: string): OpenProject | Promise<OpenProject>;
  addServer(input: { name: string; dialect: DialectName; url: string }): Promise<ServerInfo>;
  listServers(): Promise<ServerInfo[]>;
  /** A draining server keeps its projects and takes no new ones. */
  updateServer(name: string, patch: { state: "active" | "draining" }): Promise<ServerInfo>;
  /** Writes an administrative act to the audit; never secrets. */
  audit(act: AuditAct): Promise<void>;
  /** Throws, with what is missing, unless the control plane's database answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Who did what to which thing. */
export interface AuditAct {
  /** `admin`, or a key's id. */
  readonly actor: string;
  /** `project.create`, `key.revoke`, … */
  readonly action: string;
  readonly project?: string;
  readonly subject?: string;
  readonly requestId?: string;
}

/** Where this room writes what an operator should know; the server's logger fits. */
export interface ControlLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
