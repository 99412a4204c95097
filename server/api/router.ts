/**
 * The typed face. Each procedure names its input and hands the call to its operation; the REST
 * routes hand theirs to the same ones. Sub-routers are plain records: a nested router would carry
 * the server's own types into the client's.
 *
 * @module
 */
import type { TRPCRouterRecord } from "@trpc/server";
import * as operations from "./operations.ts";
import { inputs } from "./schemas.ts";
import { t } from "./trpc.ts";

const { procedure } = t;

/** SQL on the project of the key. */
const sql = {
  execute: procedure.input(inputs.execute).mutation(({ ctx, input, signal }) =>
    operations.execute({ ...ctx, signal: signal ?? ctx.signal }, input)
  ),
  batch: procedure.input(inputs.batch).mutation(({ ctx, input, signal }) =>
    operations.batch({ ...ctx, signal: signal ?? ctx.signal }, input)
  ),
  // A mutation, since a stream may carry INSERT … RETURNING, and so its text never stands in a URL.
  stream: procedure.input(inputs.stream).mutation(({ ctx, input, signal }) =>
    operations.stream({ ...ctx, signal: signal ?? ctx.signal }, input)
  ),
  describe: procedure.query(({ ctx, signal }) =>
    operations.describe({ ...ctx, signal: signal ?? ctx.signal })
  ),
} satisfies TRPCRouterRecord;

/** For the administrator's key. */
const projects = {
  create: procedure.input(inputs.createProject).mutation(({ ctx, input }) =>
    operations.createProject(ctx, input)
  ),
  list: procedure.query(({ ctx }) => operations.listProjects(ctx)),
  get: procedure.input(inputs.projectId).query(({ ctx, input }) =>
    operations.getProject(ctx, input)
  ),
  delete: procedure.input(inputs.projectId).mutation(({ ctx, input }) =>
    operations.deleteProject(ctx, input)
  ),
  updateSettings: procedure.input(inputs.updateSettings).mutation(({ ctx, input }) =>
    operations.updateSettings(ctx, input)
  ),
  installExtension: procedure.input(inputs.installExtension).mutation(({ ctx, input }) =>
    operations.installExtension(ctx, input)
  ),
} satisfies TRPCRouterRecord;

/** For the administrator's key. */
const keys = {
  create: procedure.input(inputs.createKey).mutation(({ ctx, input }) =>
    operations.createKey(ctx, input)
  ),
  list: procedure.input(inputs.listKeys).query(({ ctx, input }) => operations.listKeys(ctx, input)),
  revoke: procedure.input(inputs.revokeKey).mutation(({ ctx, input }) =>
    operations.revokeKey(ctx, input)
  ),
} satisfies TRPCRouterRecord;

/** For the administrator's key. */
const servers = {
  add: procedure.input(inputs.addServer).mutation(({ ctx, input }) =>
    operations.addServer(ctx, input)
  ),
  list: procedure.query(({ ctx }) => operations.listServers(ctx)),
  update: procedure.input(inputs.updateServer).mutation(({ ctx, input }) =>
    operations.updateServer(ctx, input)
  ),
} satisfies TRPCRouterRecord;

/** Every procedure. */
export const appRouter = t.router({ sql, projects, keys, servers });
