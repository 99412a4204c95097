/**
 * The one query behind `sql.describe`. It runs as the project's own role, which reads no shared
 * catalog, no statistics and no settings, and stays within what the role has a privilege on.
 *
 * @module
 */

/** What {@linkcode DESCRIBE_QUERY} gives, as one JSON document. */
export interface Description {
  readonly tables: readonly DescribedTable[];
  readonly enums: readonly { readonly name: string; readonly values: readonly string[] }[];
  readonly composites: readonly {
    readonly name: string;
    readonly columns: readonly DescribedColumn[];
  }[];
  /** Views of the schema, hidden ones too: views on them are traced through them. */
  readonly rules: readonly { readonly relation: number; readonly tree: string }[];
  /** Columns of the schema's tables that are never NULL, by relation. */
  readonly notNull: readonly { readonly relation: number; readonly columns: readonly number[] }[];
}

export interface DescribedColumn {
  readonly number: number;
  readonly name: string;
  readonly type: number;
  readonly databaseType: string;
  readonly default?: string | null;
  readonly identity?: "a" | "d" | "";
  readonly generated?: "s" | "v" | "";
  readonly comment?: string | null;
}

export interface DescribedTable {
  readonly relation: number;
  readonly name: string;
  readonly kind: "r" | "p" | "v" | "m" | "f";
  readonly comment: string | null;
  readonly columns: readonly DescribedColumn[];
  /** Whether some of its columns are hidden from the role. */
  readonly partial: boolean;
  readonly primaryKey: readonly string[] | null;
  readonly foreignKeys: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly references: { readonly table: string; readonly columns: readonly string[] };
  }[];
  readonly indexes: readonly {
    readonly name: string;
    /** Key columns; an expression stands as its text. */
    readonly columns: readonly string[];
    /** Every column in it by name, or null where an expression or predicate may name others. */
    readonly uses: readonly string[] | null;
    readonly unique: boolean;
    readonly definition: string;
  }[];
  readonly rowSecurity: boolean;
  /** Null for a role that is itself under row security. */
  readonly policies:
    | readonly {
      readonly name: string;
      readonly command: "*" | "r" | "a" | "w" | "d";
      readonly permissive: boolean;
      readonly using: string | null;
      readonly check: string | null;
    }[]
    | null;
  readonly estimatedRows: number | null;
}

/** Names of numbered columns of a relation, in the order of the numbers. */
const columnNames = (relation: string, numbers: string) => `
  (SELECT json_agg(named.attname ORDER BY given.position)
   FROM unnest(${numbers}) WITH ORDINALITY AS given (number, position)
   JOIN pg_catalog.pg_attribute AS named
     ON named.attrelid = ${relation} AND named.attnum = given.number)`;

/** `pg_catalog` comes first on every role's search path, so functions need no schema. */
export const DESCRIBE_QUERY = `
WITH relation AS (
  SELECT c.*, has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')
    OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') AS visible
  FROM pg_catalog.pg_class AS c
  WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
),
-- Inlined, so that each use reads one relation's columns by their index.
attribute AS NOT MATERIALIZED (
  SELECT a.*, has_column_privilege(a.attrelid, a.attnum, 'SELECT, INSERT, UPDATE') AS visible
  FROM pg_catalog.pg_attribute AS a
  WHERE a.attnum > 0 AND NOT a.attisdropped
),
never_null AS (
  SELECT a.attrelid, a.attnum
  FROM attribute AS a
  JOIN relation AS c ON c.oid = a.attrelid
  WHERE a.attnotnull
    -- PostgreSQL 18: NOT NULL NOT VALID says nothing of the rows that were there before.
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint AS k
      WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] = a.attnum
        AND NOT k.convalidated)
    OR EXISTS (
      WITH RECURSIVE domain AS (
        SELECT t.typbasetype, t.typnotnull, t.typtype FROM pg_catalog.pg_type AS t
        WHERE t.oid = a.atttypid AND t.typtype = 'd'
        UNION ALL
        SELECT t.typbasetype, t.typnotnull, t.typtype FROM pg_catalog.pg_type AS t
        JOIN domain AS d ON d.typbasetype = t.oid WHERE t.typtype = 'd'
      )
      SELECT FROM domain WHERE typnotnull)
),
described AS (
  SELECT c.relname, json_build_object(
    'relation', c.oid::int8,
    'name', c.relname,
    'kind', c.relkind,
    'comment', obj_description(c.oid, 'pg_class'),
    'columns', COALESCE((
      SELECT json_agg(json_build_object(
        'number', a.attnum,
        'name', a.attname,
        'type', a.atttypid::int8,
        'databaseType', format_type(a.atttypid, a.atttypmod),
        'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
        'identity', a.attidentity,
        'generated', a.attgenerated,
        'comment', col_description(a.attrelid, a.attnum)
      ) ORDER BY a.attnum)
      FROM attribute AS a
      LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = c.oid AND a.visible), '[]'),
    'partial', EXISTS (SELECT FROM attribute AS a WHERE a.attrelid = c.oid AND NOT a.visible),
    'primaryKey', (
      SELECT ${columnNames("k.conrelid", "k.conkey")}
      FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p'),
    'foreignKeys', COALESCE((
      SELECT json_agg(json_build_object(
        'name', k.conname,
        'columns', ${columnNames("k.conrelid", "k.conkey")},
        'references', json_build_object(
          'table', f.relname,
          'columns', ${columnNames("k.confrelid", "k.confkey")})
      ) ORDER BY k.conname)
      FROM pg_catalog.pg_constraint AS k
      JOIN relation AS f ON f.oid = k.confrelid
      WHERE k.conrelid = c.oid AND k.contype = 'f' AND f.visible
        AND NOT EXISTS (
          SELECT FROM attribute AS a
          WHERE a.attrelid = f.oid AND a.attnum = ANY (k.confkey) AND NOT a.visible)
        -- A key on a partitioned table has a shadow for each of its partitions.
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint AS p
          WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)), '[]'),
    'indexes', COALESCE((
      SELECT json_agg(json_build_object(
        'name', i.relname,
        'columns', (
          SELECT json_agg(COALESCE(
            (SELECT a.attname::text FROM pg_catalog.pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attnum = x.indkey[n.position - 1]),
            pg_get_indexdef(x.indexrelid, n.position, true)) ORDER BY n.position)
          FROM generate_series(1, x.indnkeyatts) AS n (position)),
        'uses', CASE WHEN x.indexprs IS NULL AND x.indpred IS NULL
          THEN ${columnNames("c.oid", "x.indkey::int2[]")} END,
        'unique', x.indisunique,
        'definition', pg_get_indexdef(x.indexrelid)
      ) ORDER BY i.relname)
      FROM pg_catalog.pg_index AS x
      JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
      WHERE x.indrelid = c.oid AND x.indislive), '[]'),
    'rowSecurity', c.relrowsecurity,
    'policies', CASE WHEN NOT row_security_active(c.oid) THEN COALESCE((
      SELECT json_agg(json_build_object(
        'name', p.polname,
        'command', p.polcmd,
        'permissive', p.polpermissive,
        'using', pg_get_expr(p.polqual, p.polrelid),
        'check', pg_get_expr(p.polwithcheck, p.polrelid)
      ) ORDER BY p.polname)
      FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid), '[]') END,
    -- The estimate counts rows that row security hides.
    'estimatedRows', CASE WHEN c.reltuples >= 0 AND c.relkind <> 'v'
      AND NOT row_security_active(c.oid) THEN c.reltuples::int8 END
  ) AS body
  FROM relation AS c
  WHERE c.visible
)
SELECT json_build_object(
  'tables', COALESCE((SELECT json_agg(body ORDER BY relname) FROM described), '[]'),
  'enums', COALESCE((
    SELECT json_agg(json_build_object(
      'name', t.typname,
      'values', (
        SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid)
    ) ORDER BY t.typname)
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE t.typtype = 'e' AND n.nspname = 'public' AND has_type_privilege(t.oid, 'USAGE')), '[]'),
  'composites', COALESCE((
    SELECT json_agg(json_build_object(
      'name', t.typname,
      'columns', COALESCE((
        SELECT json_agg(json_build_object(
          'number', a.attnum,
          'name', a.attname,
          'type', a.atttypid::int8,
          'databaseType', format_type(a.atttypid, a.atttypmod)
        ) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]')
    ) ORDER BY t.typname)
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid AND c.relkind = 'c'
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = 'public' AND has_type_privilege(t.oid, 'USAGE')), '[]'),
  'rules', COALESCE((
    SELECT json_agg(json_build_object('relation', r.ev_class::int8, 'tree', r.ev_action::text))
    FROM pg_catalog.pg_rewrite AS r
    JOIN relation AS c ON c.oid = r.ev_class
    WHERE c.relkind = 'v' AND r.rulename = '_RETURN' AND length(r.ev_action::text) < 1000000
  ), '[]'),
  'notNull', COALESCE((
    SELECT json_agg(json_build_object('relation', n.attrelid::int8, 'columns', n.columns))
    FROM (SELECT attrelid, json_agg(attnum) AS columns FROM never_null GROUP BY attrelid) AS n
  ), '[]')
)`;
