/**
 * One call on whichever face: who sent it and by which parts of the server it is answered.
 *
 * @module
 */
import type { AdminKey } from "../access/admin.ts";
import type { Keys } from "../access/keys.ts";
import type { Health } from "../observe/health.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { ControlPlane } from "../projects/types.ts";
import type { Cors } from "./cors.ts";
import type { Credentials } from "./identify.ts";
import type { TrustedProxies } from "./peer.ts";
import type { SignIn } from "./sign_in.ts";

/** What the operations stand on. */
export interface Parts {
  readonly control: ControlPlane;
  readonly keys: Pick<Keys, "create" | "list" | "revoke" | "authenticate">;
  readonly adminKey: Pick<AdminKey, "verify">;
  readonly metrics: Metrics;
  /** Aborted when the server stops: streams end by it. */
  readonly stopping: AbortSignal;
}

/** What the HTTP side needs beside them. */
export interface ServerParts extends Parts {
  readonly cors: Cors;
  readonly health: Health;
  readonly signIn: SignIn;
  readonly proxies: TrustedProxies;
  /** Bytes that a request's body may have. */
  readonly maxBodyBytes: number;
  /** Bearer token of `/metrics`; without it direct loopback peers only. */
  readonly metricsToken?: string;
  /** Folder of the built playground. */
  readonly playground: string;
}

/** One request, or one of a batch. */
export interface Call {
  readonly parts: Parts;
  readonly credentials: Credentials;
  readonly requestId: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}
