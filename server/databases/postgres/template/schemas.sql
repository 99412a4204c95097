-- What the platform keeps inside every project's database. Idempotent: it also brings up databases
-- that hold tenants' tables, so nothing here may drop or rewrite what is not the platform's.

-- Tables live in "public", which belongs to the platform: an owner of the schema could drop it.
CREATE SCHEMA IF NOT EXISTS public;
ALTER SCHEMA public OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- Only the project's own roles can connect, so here PUBLIC means them.
CREATE SCHEMA IF NOT EXISTS extensions;
ALTER SCHEMA extensions OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA extensions FROM PUBLIC;
GRANT USAGE ON SCHEMA extensions TO PUBLIC;

CREATE SCHEMA IF NOT EXISTS fluxbase;
ALTER SCHEMA fluxbase OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA fluxbase FROM PUBLIC;
GRANT USAGE ON SCHEMA fluxbase TO PUBLIC;

-- Which steps this database has had, each with the checksum of the text that ran.
CREATE TABLE IF NOT EXISTS fluxbase.migrations (
  step text PRIMARY KEY,
  checksum text NOT NULL,
  template_version integer NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
REVOKE ALL ON TABLE fluxbase.migrations FROM PUBLIC;

-- One row: what the guards measure by. They run as the tenant, who therefore reads it.
CREATE TABLE IF NOT EXISTS fluxbase.settings (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  max_relations integer NOT NULL DEFAULT 1000,
  allow_unprotected_tables boolean NOT NULL DEFAULT false
);
REVOKE ALL ON TABLE fluxbase.settings FROM PUBLIC;
GRANT SELECT ON TABLE fluxbase.settings TO PUBLIC;
INSERT INTO fluxbase.settings DEFAULT VALUES ON CONFLICT DO NOTHING;
