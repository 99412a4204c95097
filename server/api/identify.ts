/**
 * Who sent a request: the key, the project that it opens, and whether a browser may use it here.
 * Everything is synchronous once key and project are known, since every statement passes here.
 *
 * @module
 */
import { actorOf, type Principal } from "../access/principal.ts";
import type { Actor } from "../databases/database.ts";
import { FluxbaseError } from "../errors.ts";
import type { OpenProject } from "../projects/types.ts";
import type { Call } from "./call.ts";

/** What a request says of its sender; nothing of it is verified yet. */
export interface Credentials {
  /** The token of `Authorization: Bearer`. */
  readonly bearer: string | null;
  /** The end user's token in `X-User-JWT`. */
  readonly userToken: string | null;
  /** The browser page's origin; null where no browser sent the request. */
  readonly origin: string | null;
  /** Whether the origin is this server's own, as the playground's is. */
  readonly ownOrigin: boolean;
  /** Whether `CORS_ORIGINS` holds the origin. */
  readonly trustedOrigin: boolean;
}

/** A verified sender and the project that the request is about. */
export interface Access {
  readonly principal: Principal;
  readonly actor: Actor;
  readonly open: OpenProject;
}

/** The token of an `Authorization` header; null where there is none or another scheme. */
export function bearerOf(authorization: string | null): string | null {
  if (authorization === null) return null;
  if (authorization.startsWith("Bearer ")) return authorization.slice(7).trim();
  const match = /^bearer +(\S+) *$/i.exec(authorization);
  return match?.[1] ?? null;
}

/** Throws `UNAUTHORIZED` where a call has no key at all, before anything is read of it. */
export function requireBearer({ credentials }: Call): void {
  if (credentials.bearer === null) throw missingKey("an API key");
}

/** The project's access for this call; `UNAUTHORIZED`, `SCOPE_MISSING`, `ORIGIN_FORBIDDEN`. */
export function identifyProject(call: Call): Access | Promise<Access> {
  const principal = authenticate(call);
  return principal instanceof Promise
    ? principal.then((known) => openFor(call, known))
    : openFor(call, principal);
}

/** Returns when the administrator sent the call, throws otherwise. */
export function identifyAdmin(call: Call): void | Promise<void> {
  const { bearer, origin, ownOrigin, userToken } = call.credentials;
  if (bearer === null) throw missingKey("the administrator's key");
  if (call.parts.adminKey.verify(bearer)) {
    if (userToken !== null) {
      throw new FluxbaseError(
        "UNAUTHORIZED",
        "The administrator's calls are made for no user; send no X-User-JWT",
      );
    }
    if (origin !== null && !ownOrigin) {
      throw new FluxbaseError(
        "ORIGIN_FORBIDDEN",
        `The administrator's key may not be used by pages of "${origin}"`,
      );
    }
    return;
  }
  return refuseOnAdminRoute(call, bearer);
}

/** A valid key of a project is told from a wrong key: its holder asked at the wrong door. */
async function refuseOnAdminRoute(call: Call, bearer: string): Promise<never> {
  await call.parts.keys.authenticate(bearer);
  throw new FluxbaseError(
    "SCOPE_MISSING",
    "This call takes the administrator's key; a project's key opens its own project only",
  );
}

function authenticate(call: Call): Principal | Promise<Principal> {
  const { bearer } = call.credentials;
  if (bearer === null) throw missingKey("the project's key");
  try {
    const principal = call.parts.keys.authenticate(bearer);
    if (!(principal instanceof Promise)) return principal;
    return principal.catch((thrown) => {
      throw explain(call, bearer, thrown);
    });
  } catch (thrown) {
    throw explain(call, bearer, thrown);
  }
}

function explain(call: Call, bearer: string, thrown: unknown): unknown {
  if (!(thrown instanceof FluxbaseError) || thrown.code !== "UNAUTHORIZED") return thrown;
  if (!call.parts.adminKey.verify(bearer)) return thrown;
  return new FluxbaseError(
    "SCOPE_MISSING",
    "The administrator's key opens no project's data; use a key of the project",
  );
}

function openFor(call: Call, principal: Principal): Access | Promise<Access> {
  const open = call.parts.control.open(principal.projectId);
  return open instanceof Promise
    ? open.then((opened) => admit(call, principal, opened))
    : admit(call, principal, open);
}

function admit(call: Call, principal: Principal, open: OpenProject): Access {
  const { origin, userToken } = call.credentials;
  if (origin !== null) admitOrigin(call.credentials, origin, principal, open);
  if (userToken !== null) {
    // Never ignored: leaving the end user out would widen what the request sees.
    throw new FluxbaseError(
      "UNAUTHORIZED",
      `Project "${open.project.id}" has no JWT verification configured; send no X-User-JWT`,
    );
  }
  return { principal, actor: actorOf(principal), open };
}

function admitOrigin(
  credentials: Credentials,
  origin: string,
  principal: Principal,
  open: OpenProject,
): void {
  if (credentials.ownOrigin) return;
  const { corsOrigins, allowSecretKeysInBrowsers } = open.project.settings;
  if (!credentials.trustedOrigin && !originListed(corsOrigins, origin)) {
    throw new FluxbaseError(
      "ORIGIN_FORBIDDEN",
      `Project "${open.project.id}" does not allow pages of "${origin}"; see its setting "corsOrigins"`,
    );
  }
  if (principal.kind === "secret" && mayWrite(principal) && !allowSecretKeysInBrowsers) {
    throw new FluxbaseError(
      "ORIGIN_FORBIDDEN",
      "A secret key that may write is for servers; use a publishable key in a browser",
    );
  }
}

/** Whether a list of origins, in which `*` stands for all, holds this one. */
export function originListed(list: readonly string[], origin: string): boolean {
  return list.includes(origin) || list.includes("*");
}

function mayWrite({ scopes }: Principal): boolean {
  return scopes.has("sql:write") || scopes.has("sql:ddl") || scopes.has("ingest");
}

function missingKey(which: string): FluxbaseError {
  return new FluxbaseError("UNAUTHORIZED", `Send ${which} as "Authorization: Bearer <key>"`);
}
