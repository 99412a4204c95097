import type { Migration } from "./mod.ts";

/** Servers, projects, keys, the administrator's key, processes, audit, and the change counter. */
export const foundation: Migration = {
  version: 1,
  name: "foundation",
  sql: `
CREATE TABLE fluxbase_control.facts (
  name text PRIMARY KEY,
  value bytea NOT NULL
);
COMMENT ON TABLE fluxbase_control.facts IS
  'What the whole installation agrees on; secret_check tells whether FLUXBASE_SECRET is the right one';

CREATE TABLE fluxbase_control.change_counter (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  value bigint NOT NULL
);
INSERT INTO fluxbase_control.change_counter (value) VALUES (0);
COMMENT ON TABLE fluxbase_control.change_counter IS
  'Counts the changes that processes cache; the row lock makes its order the order of commits';

CREATE FUNCTION fluxbase_control.changed(kind text, subject text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
DECLARE
  number bigint;
BEGIN
  UPDATE fluxbase_control.change_counter SET value = value + 1 RETURNING value INTO number;
  PERFORM pg_notify('fluxbase_control', number || ' ' || kind || ' ' || subject);
END $body$;

CREATE TABLE fluxbase_control.servers (
  name text PRIMARY KEY,
  dialect text NOT NULL,
  host text NOT NULL,
  sealed_url bytea,
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining')),
  version text NOT NULL,
  max_connections integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN fluxbase_control.servers.sealed_url IS
  'Encrypted by a key of FLUXBASE_SECRET; null for the server that holds this very database';

CREATE TABLE fluxbase_control.projects (
  id text PRIMARY KEY,
  token text NOT NULL UNIQUE CHECK (token ~ '^[0-9a-f]{32}$'),
  dialect text NOT NULL,
  server text NOT NULL REFERENCES fluxbase_control.servers (name),
  state text NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
  attempt integer NOT NULL DEFAULT 0,
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  deleted_at timestamptz,
  dropped boolean NOT NULL DEFAULT false,
  CHECK ((state = 'deleting') = (deleted_at IS NOT NULL)),
  CHECK (state = 'deleting' OR NOT dropped)
);
CREATE INDEX projects_unfinished ON fluxbase_control.projects (state) WHERE state <> 'ready';
CREATE INDEX projects_server ON fluxbase_control.projects (server);
COMMENT ON COLUMN fluxbase_control.projects.attempt IS
  'Raised by each process that takes the work up; an outcome counts only under its own attempt';

CREATE TABLE fluxbase_control.keys (
  id text PRIMARY KEY,
  project_id text NOT NULL REFERENCES fluxbase_control.projects (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('secret', 'publishable')),
  scopes text[] NOT NULL,
  name text,
  hash bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz,
  last_used_at timestamptz,
  CHECK (kind = 'secret' OR NOT 'sql:ddl' = ANY (scopes))
);
CREATE INDEX keys_project ON fluxbase_control.keys (project_id);
COMMENT ON COLUMN fluxbase_control.keys.hash IS
  'HMAC-SHA-256 of the key under a pepper of FLUXBASE_SECRET; the key itself is nowhere';

CREATE TABLE fluxbase_control.admin_keys (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  hash bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE fluxbase_control.processes (
  id uuid PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE fluxbase_control.audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  action text NOT NULL,
  project text,
  subject text,
  request_id text
);
CREATE INDEX audit_project ON fluxbase_control.audit (project, id);
CREATE FUNCTION fluxbase_control.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
BEGIN
  RAISE EXCEPTION 'The audit is append-only';
END $body$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fluxbase_control.audit
  FOR EACH STATEMENT EXECUTE FUNCTION fluxbase_control.refuse_change();
`,
};
