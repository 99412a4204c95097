/**
 * Types of the API's own that cross to the client. Types only: whatever this file imported would
 * cross too, so the control plane's own types stand here once more, as they look on the wire.
 *
 * @module
 */
import type { TRPC_ERROR_CODE_NUMBER } from "@trpc/server/rpc";
import type { KeyKind, Scope } from "../access/principal.ts";
import type { DialectName, RoleName } from "../databases/database.ts";
import type { TrpcCode, WireError } from "../errors.ts";

/** A project's settings in force. */
export interface SettingsInfo {
  readonly statementTimeoutMs: number;
  readonly maxStatementTimeoutMs: number;
  readonly maxLongStatementTimeoutMs: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly corsOrigins: readonly string[];
  readonly allowSecretKeysInBrowsers: boolean;
}

/** A project. */
export interface ProjectInfo {
  readonly id: string;
  readonly dialect: DialectName;
  /** Name of the database server that it is placed on. */
  readonly server: string;
  readonly state: "creating" | "ready" | "deleting";
  /** The names that a GRANT may use. */
  readonly roles: Readonly<Record<RoleName, string>>;
  readonly settings: SettingsInfo;
  /** ISO 8601 in UTC, as the other times. */
  readonly createdAt: string;
}

/** A database server. */
export interface ServerSummary {
  readonly name: string;
  readonly dialect: DialectName;
  readonly host: string;
  readonly state: "active" | "draining";
  /** How many projects are placed on it. */
  readonly projects: number;
  /** What the server lacks, each with its remedy. */
  readonly lacks: readonly string[];
  readonly version: string;
}

/** A key as lists show it: never the secret. */
export interface KeyInfo {
  readonly id: string;
  readonly kind: KeyKind;
  readonly scopes: readonly Scope[];
  readonly name: string | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

/** An error on tRPC's wire; `data.error` is the same object as `error` on REST. */
export interface ApiErrorShape {
  readonly message: string;
  /** JSON-RPC's number. */
  readonly code: TRPC_ERROR_CODE_NUMBER;
  readonly data: {
    readonly code: TrpcCode;
    readonly httpStatus: number;
    readonly path?: string;
    readonly error: WireError;
  };
}
