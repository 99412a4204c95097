/**
 * The demo project of a first start. It is made through the same doors as any project, as its own
 * owner.
 *
 * The file `demo-key` in the data folder is the memory of it: where it is missing the project is
 * made or finished, where its key no longer works the operator has removed the project, and it
 * stays removed.
 *
 * @module
 */
import { SCOPES } from "./access/principal.ts";
import type { SignInGrant } from "./api/sign_in.ts";
import type { Keys } from "./access/keys.ts";
import type { DataFolder } from "./data_folder.ts";
import { DEMO_STATEMENTS } from "./demo_data.ts";
import { FluxbaseError } from "./errors.ts";
import type { OpenedControlPlane } from "./projects/control_plane.ts";

/** Id of the project. */
export const DEMO_PROJECT = "demo";

const KEY_NAME = "demo";
const OWNER = { role: "owner", allows: "ddl" } as const;
const SETTLE_MS = 60_000;

/** What the demo is made with. */
export interface DemoOptions {
  readonly control: OpenedControlPlane;
  readonly keys: Keys;
  readonly folder: DataFolder;
  /** Whether the database is this process's own: on a shared one only a first project is made. */
  readonly ownDatabase: boolean;
  readonly progress: (message: string) => void;
}

/** The demo project and a key of it; `undefined` where there shall be none. */
export async function prepareDemo(options: DemoOptions): Promise<SignInGrant | undefined> {
  const { control, keys, folder, ownDatabase, progress } = options;
  const known = await folder.read("demo-key");
  if (known !== undefined) {
    return await opens(keys, known) ? { projectId: DEMO_PROJECT, key: known } : undefined;
  }
  const projects = await control.listProjects();
  if (!ownDatabase && projects.length > 0) return undefined;
  progress("Creating the demo project (once) ...");
  await control.settle(SETTLE_MS);
  if (!(await control.listProjects()).some(({ id }) => id === DEMO_PROJECT)) {
    await control.createProject({ id: DEMO_PROJECT, dialect: "postgres" });
  }
  await fill(control);
  // A start that broke off may have made a key that nobody knows
  for (const { id, name } of await keys.list(DEMO_PROJECT)) {
    if (name === KEY_NAME) await keys.revoke(DEMO_PROJECT, id);
  }
  const { id, key } = await keys.create(DEMO_PROJECT, { scopes: SCOPES, name: KEY_NAME });
  await control.audit({
    actor: "start",
    action: "project.create",
    project: DEMO_PROJECT,
    subject: id,
  });
  await folder.write("demo-key", key);
  return { projectId: DEMO_PROJECT, key };
}

async function opens(keys: Keys, key: string): Promise<boolean> {
  try {
    return (await keys.authenticate(key)).projectId === DEMO_PROJECT;
  } catch (thrown) {
    if (thrown instanceof FluxbaseError && thrown.code === "UNAUTHORIZED") return false;
    throw thrown;
  }
}

/** Makes the tables and their rows, all or nothing, unless there are tables already. */
async function fill(control: OpenedControlPlane): Promise<void> {
  const { database } = await control.open(DEMO_PROJECT);
  const limits = { timeoutMs: 60_000, maxRows: 1_000, maxBytes: 1_000_000 };
  const { tables } = await database.describe(OWNER, limits);
  if (tables.length > 0) return;
  await database.batch(OWNER, DEMO_STATEMENTS.map((query) => ({ query })), {}, limits);
  await database.execute(OWNER, { query: "ANALYZE" }, limits).catch(() => {});
}
