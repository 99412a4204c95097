/**
 * The types that cross to the client: every procedure's input, output and errors, and nothing of
 * the server. TypeScript's declaration of this file is the client's contract, so `expose` takes
 * away what only the server knows (its context).
 *
 * @module
 */
import type { AnyTRPCRouter, TRPCBuiltRouter } from "@trpc/server";
import type { appRouter } from "./api/router.ts";

type RootTypes<R extends AnyTRPCRouter> = R["_def"]["_config"]["$types"];

const expose = <R extends AnyTRPCRouter>(): TRPCBuiltRouter<
  {
    ctx: object;
    meta: object;
    errorShape: RootTypes<R>["errorShape"];
    transformer: RootTypes<R>["transformer"];
  },
  R["_def"]["record"]
> => undefined as unknown as ReturnType<typeof expose<R>>;

/** Only its type counts; there is no value. */
export const contract = expose<typeof appRouter>();

/** The typed API, for `createTRPCClient<AppRouter>`. */
export type AppRouter = typeof contract;
