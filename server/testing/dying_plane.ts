/**
 * A Fluxbase process that kills itself, as `kill -9` does, right after one step of making or
 * removing a project. Run by tests with the step as JSON in its first argument.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { PostgresServer } from "../databases/postgres/server.ts";
import { openControlPlane } from "../projects/control_plane.ts";
import { TEST_SECRET } from "./control_plane.ts";

/** What the process does and where it dies. */
export interface Death {
  readonly url: string;
  readonly project: string;
  readonly act: "create" | "delete";
  /** Who tells the step: the control plane, or the dialect below it. */
  readonly teller: "plane" | "dialect";
  readonly step: string;
}

/** Runs such a process; resolves with whether it died of the signal. */
export async function dieAt(death: Death): Promise<boolean> {
  const { signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename ?? "", JSON.stringify(death)],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (signal !== "SIGKILL") throw new Error(new TextDecoder().decode(stderr));
  return true;
}

async function main({ url, project, act, teller, step }: Death): Promise<void> {
  let armed = false;
  const die = (told: string) => {
    if (!armed || told !== step) return;
    Deno.kill(Deno.pid, "SIGKILL");
    while (true); // The next step must not begin before the signal has come.
  };
  const plane = await openControlPlane({
    url,
    secret: TEST_SECRET,
    connectServer: (_dialect, adminUrl) =>
      new PostgresServer({
        adminUrl,
        rolePassword: (role) => createHmac("sha256", TEST_SECRET).update(role).digest("hex"),
      }, teller === "dialect" ? { onStep: die } : {}),
    ...(teller === "plane" ? { onStep: die } : {}),
  });
  armed = true;
  if (act === "create") await plane.createProject({ id: project, dialect: "postgres" });
  else await plane.deleteProject(project);
  await plane.settle(20_000);
}

if (import.meta.main) await main(JSON.parse(Deno.args[0] ?? "{}"));
