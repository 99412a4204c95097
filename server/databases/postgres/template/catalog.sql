-- Closes the system catalog to tenants. Everything is found by looking at the catalog, so that a
-- function or relation that a version does not have is not missed and a new one is not forgotten.
-- The mark "forbidden" between dollars stands for the text of forbidden_functions.sql.

DO $harden$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT f.oid::pg_catalog.regprocedure AS signature FROM ($forbidden$) AS f
    WHERE NOT f.parser_only
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', item.signature);
  END LOOP;

  -- By name what stays readable, so that a relation of a later version is closed until it is
  -- looked at. Shared catalogs, statistics, settings, locks and roles are all left out.
  FOR item IN
    SELECT c.oid::pg_catalog.regclass AS name
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace
      AND c.relkind IN ('r', 'v')
      AND (
        c.relisshared
        OR c.relname <> ALL (ARRAY[
          'pg_aggregate', 'pg_am', 'pg_amop', 'pg_amproc', 'pg_attrdef', 'pg_attribute', 'pg_cast',
          'pg_class', 'pg_collation', 'pg_constraint', 'pg_conversion', 'pg_depend',
          'pg_description', 'pg_enum', 'pg_extension', 'pg_index', 'pg_indexes', 'pg_inherits',
          'pg_language', 'pg_matviews', 'pg_namespace', 'pg_opclass', 'pg_operator', 'pg_opfamily',
          'pg_partitioned_table', 'pg_policies', 'pg_policy', 'pg_proc', 'pg_range', 'pg_rewrite',
          'pg_rules', 'pg_sequence', 'pg_sequences', 'pg_statistic_ext', 'pg_tables',
          'pg_transform', 'pg_trigger', 'pg_ts_config', 'pg_ts_config_map', 'pg_ts_dict',
          'pg_ts_parser', 'pg_ts_template', 'pg_type', 'pg_views'
        ]::pg_catalog.name[])
      )
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON TABLE %s FROM PUBLIC', item.name);
  END LOOP;

  -- Without a language there is no DO and no function; the owner alone is granted them.
  FOR item IN SELECT l.lanname AS name FROM pg_catalog.pg_language AS l WHERE l.lanpltrusted LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON LANGUAGE %I FROM PUBLIC', item.name);
  END LOOP;
END
$harden$;

-- information_schema.columns asks this for a column's length in bytes. PostgreSQL's own text reads
-- pg_database as the caller, who may not; this one knows the same of the current database alone.
CREATE OR REPLACE FUNCTION information_schema._pg_char_octet_length(typid oid, typmod int4)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT
RETURN CASE
  WHEN typid IN (25, 1042, 1043) THEN
    CASE WHEN typmod = -1 THEN (2 ^ 30)::integer
      ELSE information_schema._pg_char_max_length(typid, typmod)
        * pg_catalog.pg_encoding_max_length(
          pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()))
    END
END;
