-- The guards: event triggers that see every DDL command, also one that a tenant's own code runs and
-- no parser sees. They run as the tenant (never SECURITY DEFINER: nothing of the platform's may run
-- a tenant's code with more rights than the tenant has), with every setting pinned that could
-- change what their text means. A session whose login holds the platform's rights passes.

DO $$
DECLARE
  item record;
BEGIN
  -- Tenants cannot make event triggers, so all that are here are the platform's of some version.
  FOR item IN SELECT t.evtname FROM pg_catalog.pg_event_trigger AS t LOOP
    EXECUTE pg_catalog.format('DROP EVENT TRIGGER %I', item.evtname);
  END LOOP;
  FOR item IN
    SELECT p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'fluxbase'::pg_catalog.regnamespace
      AND p.prorettype = 'event_trigger'::pg_catalog.regtype
  LOOP
    EXECUTE pg_catalog.format('DROP FUNCTION %s', item.signature);
  END LOOP;
END
$$;

-- Whether the running CREATE INDEX may be one that commits on its way (CONCURRENTLY) and computes
-- something: what the other guards refuse at its end would stay behind, and maintenance would run it.
-- An index over plain columns computes nothing and passes; so does a text that cannot say
-- CONCURRENTLY in that place. Comments are not looked through: with one the text is taken for the
-- worse. Tenants may not call current_query() themselves; this tells one bit of it, runs as the
-- platform and touches nothing but that text.
CREATE OR REPLACE FUNCTION fluxbase.index_escapes_guards() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT pg_catalog.current_query() OPERATOR(pg_catalog.~*) 'concurrently'
    AND pg_catalog.current_query() OPERATOR(pg_catalog.!~*)
      '^\s*create\s+(unique\s+)?index\s+(?!concurrently\M)["a-z_]'
    AND pg_catalog.current_query() OPERATOR(pg_catalog.!~*) pg_catalog.format(
      '^\s*create\s+(unique\s+)?index\s+concurrently\s+(if\s+not\s+exists\s+)?(%1$s\s+)?'
      'on\s+(only\s+)?(%1$s\s*\.\s*)?%1$s\s*(using\s+%1$s\s*)?'
      '\(\s*%2$s(\s*,\s*%2$s)*\s*\)(\s*include\s*\(\s*%1$s(\s*,\s*%1$s)*\s*\))?\s*;?\s*$',
      '([a-z_][a-z0-9_$]*|"[^"]+")',
      '([a-z_][a-z0-9_$]*|"[^"]+")(\s+[a-z_][a-z0-9_]*)*');
END;
REVOKE ALL ON FUNCTION fluxbase.index_escapes_guards() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fluxbase.index_escapes_guards() TO PUBLIC;

-- Commands by name: what is not listed is refused, also a command of a later version.
CREATE FUNCTION fluxbase.guard_commands() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
BEGIN
  IF (SELECT pg_has_role(session_user, n.nspowner, 'MEMBER')
      FROM pg_namespace AS n WHERE n.nspname = 'fluxbase') THEN
    RETURN;
  END IF;
  IF tg_tag = 'CREATE INDEX' THEN
    IF fluxbase.index_escapes_guards() THEN
      RAISE EXCEPTION 'CREATE INDEX CONCURRENTLY is available for plain columns only'
        USING ERRCODE = 'insufficient_privilege',
          HINT = 'Leave out CONCURRENTLY, or expressions, conditions, options and comments.';
    -- For the same reason the quota is looked at before it, too.
    ELSIF (SELECT count(*) FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace)
      >= (SELECT s.max_relations FROM fluxbase.settings AS s) THEN
      RAISE EXCEPTION 'The project holds as many tables, indexes, sequences and views as it may'
        USING ERRCODE = 'program_limit_exceeded';
    END IF;
  END IF;
  IF tg_tag = ANY (ARRAY[
    'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'DROP TABLE',
    'CREATE INDEX', 'ALTER INDEX', 'DROP INDEX', 'REINDEX',
    'CREATE VIEW', 'ALTER VIEW', 'DROP VIEW',
    'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'DROP MATERIALIZED VIEW',
    'REFRESH MATERIALIZED VIEW',
    'CREATE SEQUENCE', 'ALTER SEQUENCE', 'DROP SEQUENCE',
    'CREATE FUNCTION', 'ALTER FUNCTION', 'DROP FUNCTION',
    'CREATE PROCEDURE', 'ALTER PROCEDURE', 'DROP PROCEDURE', 'ALTER ROUTINE', 'DROP ROUTINE',
    'CREATE AGGREGATE', 'ALTER AGGREGATE', 'DROP AGGREGATE',
    'CREATE TRIGGER', 'ALTER TRIGGER', 'DROP TRIGGER',
    'CREATE TYPE', 'ALTER TYPE', 'DROP TYPE',
    'CREATE DOMAIN', 'ALTER DOMAIN', 'DROP DOMAIN',
    'CREATE COLLATION', 'ALTER COLLATION', 'DROP COLLATION',
    'CREATE STATISTICS', 'ALTER STATISTICS', 'DROP STATISTICS',
    'CREATE TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH CONFIGURATION',
    'DROP TEXT SEARCH CONFIGURATION', 'CREATE TEXT SEARCH DICTIONARY',
    'ALTER TEXT SEARCH DICTIONARY', 'DROP TEXT SEARCH DICTIONARY',
    'CREATE POLICY', 'ALTER POLICY', 'DROP POLICY',
    'GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'COMMENT'
  ]) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION '% is not available in a project', tg_tag
    USING ERRCODE = 'insufficient_privilege';
END
$$;

-- Row security on new tables, the caller's rights in views, materialised views closed to end users.
CREATE FUNCTION fluxbase.guard_relations() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
  item record;
  relations bigint;
  allowed integer;
BEGIN
  IF (SELECT pg_has_role(session_user, n.nspowner, 'MEMBER')
      FROM pg_namespace AS n WHERE n.nspname = 'fluxbase') THEN
    RETURN;
  END IF;

  FOR item IN
    SELECT c.oid::regclass AS name, c.relkind, c.relrowsecurity, c.reloptions
    FROM pg_event_trigger_ddl_commands() AS command
    JOIN pg_class AS c ON c.oid = command.objid
    WHERE command.classid = 'pg_class'::regclass
    GROUP BY c.oid, c.relkind, c.relrowsecurity, c.reloptions
  LOOP
    IF item.relkind IN ('r', 'p') AND NOT item.relrowsecurity THEN
      IF tg_tag <> 'ALTER TABLE' THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', item.name);
      ELSIF NOT (SELECT s.allow_unprotected_tables FROM fluxbase.settings AS s) THEN
        RAISE EXCEPTION 'Row security of table % must stay enabled', item.name
          USING ERRCODE = 'insufficient_privilege',
            HINT = 'A policy USING (true) opens a table to end users.';
      END IF;
    ELSIF item.relkind = 'v' THEN
      IF EXISTS (
        SELECT FROM unnest(item.reloptions) AS o(text)
        WHERE split_part(o.text, '=', 1) = 'security_invoker'
          AND NOT split_part(o.text, '=', 2)::boolean
      ) THEN
        RAISE EXCEPTION 'View % must run with its caller''s rights', item.name
          USING ERRCODE = 'insufficient_privilege', HINT = 'Leave out security_invoker.';
      ELSIF 'security_invoker=true' <> ALL (coalesce(item.reloptions, '{}')) THEN
        EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', item.name);
      END IF;
    ELSIF item.relkind = 'm' AND tg_tag = 'CREATE MATERIALIZED VIEW' THEN
      EXECUTE format('REVOKE ALL ON TABLE %s FROM PUBLIC, %I, %I',
        item.name, current_database() || '_urw', current_database() || '_uro');
    END IF;
  END LOOP;

  IF tg_tag LIKE 'CREATE %' OR tg_tag IN ('SELECT INTO', 'ALTER TABLE') THEN
    SELECT s.max_relations INTO allowed FROM fluxbase.settings AS s;
    SELECT count(*) INTO relations FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace;
    IF relations > allowed THEN
      RAISE EXCEPTION 'A project may hold % tables, indexes, sequences and views', allowed
        USING ERRCODE = 'program_limit_exceeded';
    END IF;
  END IF;
END
$$;

-- Code that would run with another's rights or in the server's own maintenance. Autovacuum
-- evaluates what indexes and statistics compute and what a range type measures by: a tenant's
-- function there can hold one of the server's few workers for ever.
CREATE FUNCTION fluxbase.guard_code() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
  offender text;
BEGIN
  IF (SELECT pg_has_role(session_user, n.nspowner, 'MEMBER')
      FROM pg_namespace AS n WHERE n.nspname = 'fluxbase') THEN
    RETURN;
  END IF;

  SELECT p.oid::regprocedure::text INTO offender
  FROM pg_event_trigger_ddl_commands() AS command
  JOIN pg_proc AS p ON p.oid = command.objid AND p.prosecdef
  WHERE command.classid = 'pg_proc'::regclass;
  IF FOUND THEN
    RAISE EXCEPTION 'Function % must run with its caller''s rights', offender
      USING ERRCODE = 'insufficient_privilege', HINT = 'Leave out SECURITY DEFINER.';
  END IF;

  SELECT t.oid::regtype::text INTO offender
  FROM pg_range AS r
  JOIN pg_type AS t ON t.oid = r.rngtypid AND t.typnamespace = 'public'::regnamespace
  JOIN pg_proc AS p ON p.oid IN (r.rngsubdiff, r.rngcanonical)
    AND p.pronamespace NOT IN (SELECT n.oid FROM pg_namespace AS n
      WHERE n.nspname IN ('pg_catalog', 'extensions'));
  IF FOUND THEN
    RAISE EXCEPTION 'Range type % may not use a function of the project', offender
      USING ERRCODE = 'insufficient_privilege',
        DETAIL = 'The server''s own maintenance would run it.';
  END IF;

  WITH RECURSIVE root(classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, i.indexrelid
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE c.relnamespace = 'public'::regnamespace
      AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass::oid, s.oid
    FROM pg_statistic_ext AS s
    WHERE s.stxnamespace = 'public'::regnamespace AND s.stxexprs IS NOT NULL
  ), reached(classid, objid) AS (
    SELECT d.refclassid, d.refobjid
    FROM root JOIN pg_depend AS d ON d.classid = root.classid AND d.objid = root.objid
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
    UNION
    -- Making a value of a type runs the checks of the domains in it, however deep they lie.
    SELECT next.classid, next.objid
    FROM reached CROSS JOIN LATERAL (
      SELECT d.refclassid, d.refobjid
      FROM pg_constraint AS k
      JOIN pg_depend AS d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
      WHERE k.contypid = reached.objid
        AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
      UNION ALL
      SELECT 'pg_type'::regclass::oid, part.oid
      FROM pg_type AS t CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) AS part(oid)
      WHERE t.oid = reached.objid
      UNION ALL
      SELECT 'pg_type'::regclass::oid, a.atttypid
      FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid AND a.attnum > 0
      WHERE t.oid = reached.objid AND NOT a.attisdropped
      UNION ALL
      SELECT 'pg_type'::regclass::oid, r.rngsubtype
      FROM pg_range AS r WHERE reached.objid IN (r.rngtypid, r.rngmultitypid)
    ) AS next(classid, objid)
    WHERE reached.classid = 'pg_type'::regclass AND next.objid >= 16384
  ), code(name, namespace) AS (
    SELECT p.oid::regprocedure::text, p.pronamespace
    FROM reached JOIN pg_proc AS p ON p.oid = reached.objid
    WHERE reached.classid = 'pg_proc'::regclass
    UNION ALL
    SELECT o.oid::regoperator::text, o.oprnamespace
    FROM reached JOIN pg_operator AS o ON o.oid = reached.objid
    WHERE reached.classid = 'pg_operator'::regclass
  )
  SELECT code.name INTO offender FROM code
  WHERE code.namespace NOT IN (SELECT n.oid FROM pg_namespace AS n
    WHERE n.nspname IN ('pg_catalog', 'extensions'))
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% may not be part of an index or of statistics', offender
      USING ERRCODE = 'insufficient_privilege',
        DETAIL = 'The server''s own maintenance would run it.',
        HINT = 'Use a stored generated column and index that.';
  END IF;
END
$$;

-- Rights reach the project's own roles only: a foreign role named here could not be dropped.
CREATE FUNCTION fluxbase.guard_grants() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
  offender text;
BEGIN
  IF (SELECT pg_has_role(session_user, n.nspowner, 'MEMBER')
      FROM pg_namespace AS n WHERE n.nspname = 'fluxbase') THEN
    RETURN;
  END IF;

  IF tg_tag IN ('CREATE POLICY', 'ALTER POLICY') THEN
    SELECT role.oid::regrole::text INTO offender
    FROM pg_policy AS p CROSS JOIN LATERAL unnest(p.polroles) AS role(oid)
    WHERE role.oid <> 0 AND NOT starts_with(role.oid::regrole::text, current_database() || '_');
  ELSIF tg_tag = 'ALTER DEFAULT PRIVILEGES' THEN
    SELECT item.grantee::regrole::text INTO offender
    FROM pg_default_acl AS d CROSS JOIN LATERAL aclexplode(d.defaclacl) AS item
    WHERE item.grantee <> 0
      AND NOT starts_with(item.grantee::regrole::text, current_database() || '_');
  ELSE
    SELECT grantee.oid::regrole::text INTO offender
    FROM (
      SELECT DISTINCT item.grantee
      FROM (
        SELECT c.relacl FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace
        UNION
        SELECT a.attacl FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE a.attacl IS NOT NULL AND c.relnamespace = 'public'::regnamespace
        UNION
        SELECT p.proacl FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace
        UNION
        SELECT t.typacl FROM pg_type AS t WHERE t.typnamespace = 'public'::regnamespace
      ) AS held(acl)
      CROSS JOIN LATERAL aclexplode(held.acl) AS item
    ) AS grantee(oid)
    WHERE grantee.oid <> 0
      AND NOT starts_with(grantee.oid::regrole::text, current_database() || '_');
  END IF;
  IF offender IS NOT NULL THEN
    RAISE EXCEPTION 'Rights and policies may name the project''s own roles only'
      USING ERRCODE = 'insufficient_privilege';
  END IF;

  -- A materialised view holds its rows without their row security.
  SELECT c.oid::regclass::text INTO offender
  FROM pg_class AS c
  CROSS JOIN LATERAL (
    SELECT item.grantee FROM aclexplode(c.relacl) AS item
    UNION ALL
    SELECT item.grantee
    FROM pg_attribute AS a CROSS JOIN LATERAL aclexplode(a.attacl) AS item
    WHERE a.attrelid = c.oid
  ) AS held(grantee)
  WHERE c.relkind = 'm' AND c.relnamespace = 'public'::regnamespace
    AND (held.grantee = 0 OR held.grantee::regrole::text
      IN (current_database() || '_urw', current_database() || '_uro'));
  IF FOUND THEN
    RAISE EXCEPTION 'Materialised view % cannot be opened to end users', offender
      USING ERRCODE = 'insufficient_privilege',
        HINT = 'It holds rows without their row security: use a view.';
  END IF;
END
$$;

REVOKE ALL ON FUNCTION fluxbase.guard_commands(), fluxbase.guard_relations(),
  fluxbase.guard_code(), fluxbase.guard_grants() FROM PUBLIC;

CREATE EVENT TRIGGER fluxbase_commands ON ddl_command_start
  EXECUTE FUNCTION fluxbase.guard_commands();
CREATE EVENT TRIGGER fluxbase_relations ON ddl_command_end
  WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE INDEX',
    'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'CREATE SEQUENCE', 'CREATE TYPE')
  EXECUTE FUNCTION fluxbase.guard_relations();
CREATE EVENT TRIGGER fluxbase_code ON ddl_command_end
  WHEN TAG IN ('CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE PROCEDURE', 'ALTER PROCEDURE',
    'ALTER ROUTINE', 'CREATE TABLE', 'ALTER TABLE', 'CREATE INDEX', 'ALTER INDEX',
    'CREATE MATERIALIZED VIEW', 'CREATE STATISTICS', 'CREATE TYPE', 'ALTER TYPE',
    'CREATE DOMAIN', 'ALTER DOMAIN')
  EXECUTE FUNCTION fluxbase.guard_code();
CREATE EVENT TRIGGER fluxbase_grants ON ddl_command_end
  WHEN TAG IN ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'CREATE POLICY', 'ALTER POLICY')
  EXECUTE FUNCTION fluxbase.guard_grants();

-- Also while session_replication_role is set, however that came about.
ALTER EVENT TRIGGER fluxbase_commands ENABLE ALWAYS;
ALTER EVENT TRIGGER fluxbase_relations ENABLE ALWAYS;
ALTER EVENT TRIGGER fluxbase_code ENABLE ALWAYS;
ALTER EVENT TRIGGER fluxbase_grants ENABLE ALWAYS;
