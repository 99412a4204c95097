-- Built-in functions that no tenant may execute: the one source for the database's wall (revoked
-- from PUBLIC in the template) and for the parser's. By rule and pattern, so that the functions of
-- another major version fall under it too.
SELECT
  p.oid,
  p.proname,
  -- pg_tables and its like call it for the owner's name. A cast to regrole, which no privilege
  -- covers, tells as much: this one is the parser's to refuse.
  p.proname = 'pg_get_userbyid' AS parser_only
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
  AND (
    -- Closed by PostgreSQL itself: files, WAL, replication, the server's memory.
    NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
    -- A volatile function acts on something outside the row: settings, locks, large objects,
    -- other backends, slots, dynamic SQL. What is harmless is named instead.
    OR (
      p.provolatile = 'v'
      AND p.proname !~ '^(random|random_normal|clock_timestamp|timeofday|gen_random_uuid|uuidv4|uuidv7|nextval|currval|setval|txid_status|array_sample|array_shuffle|bernoulli|system)$'
      AND p.proname !~ '^(tsvector_update_trigger|tsvector_update_trigger_column|suppress_redundant_updates_trigger|pg_sequence_last_value)$'
      AND p.proname !~ 'handler$'
      AND p.proname !~ '^pg_.*_size$'
      AND p.proname !~ '^pg_partition_'
    )
    -- Left behind on the connection for the next request.
    OR p.proname ~ '^(setseed|lastval)$'
    -- The server's settings, activity, roles and other databases.
    OR p.proname ~ '^(current_setting|pg_show_all_settings|current_query|version|pg_options_to_table)$'
    OR p.proname ~ '^(pg_stat_get_|pg_prepared_|pg_tablespace_|pg_available_extension|inet_client_|inet_server_)'
    OR p.proname ~ '^(pg_get_userbyid|to_regrole|pg_get_acl|pg_get_object_address|pg_describe_object|pg_identify_object|pg_identify_object_as_address)$'
    OR p.proname ~ '^has_(database|tablespace|parameter|server|foreign_data_wrapper|largeobject)_privilege$'
    OR p.proname ~ '^(pg_listening_channels|pg_cursor|pg_get_replication_slots|pg_relation_filepath|pg_postmaster_start_time|pg_conf_load_time)$'
    OR p.proname ~ '^(txid_current_snapshot|pg_current_snapshot)$'
    OR p.proname ~ '^pg_xact_commit_timestamp'
    -- libxml cannot be interrupted, and the mappers run SQL given as text.
    OR p.proname ~ '_to_xml' OR p.proname ~ '^(xpath|xmlexists)'
  )
