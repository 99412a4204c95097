/**
 * The built-in types of PostgreSQL 16 to 18 by object id. PostgreSQL never changes an id below
 * 10,000 (`src/include/catalog/pg_type.dat`), so no query is needed for them.
 *
 * @module
 */
import { arrayOf, type ScalarKind, type TypeEntry } from "./shapes.ts";

/** Name, object id, object id of the array type (0: none) and how a value stands in JSON. */
type BuiltinRow = readonly [name: string, oid: number, array: number, kind: ScalarKind];

const BUILTIN_ROWS: readonly BuiltinRow[] = [
  ["bool", 16, 1000, "bool"],
  ["bytea", 17, 1001, "bytea"],
  ["char", 18, 1002, "text"],
  ["name", 19, 1003, "text"],
  ["int8", 20, 1016, "text"],
  ["int2", 21, 1005, "integer"],
  ["int2vector", 22, 1006, "text"],
  ["int4", 23, 1007, "integer"],
  ["regproc", 24, 1008, "text"],
  ["text", 25, 1009, "text"],
  ["oid", 26, 1028, "integer"],
  ["tid", 27, 1010, "text"],
  ["xid", 28, 1011, "integer"],
  ["cid", 29, 1012, "integer"],
  ["oidvector", 30, 1013, "text"],
  ["json", 114, 199, "json"],
  ["xml", 142, 143, "text"],
  ["pg_node_tree", 194, 0, "text"],
  ["point", 600, 1017, "text"],
  ["lseg", 601, 1018, "text"],
  ["path", 602, 1019, "text"],
  ["box", 603, 1020, "text"],
  ["polygon", 604, 1027, "text"],
  ["line", 628, 629, "text"],
  ["cidr", 650, 651, "text"],
  ["float4", 700, 1021, "float"],
  ["float8", 701, 1022, "float"],
  ["unknown", 705, 0, "text"],
  ["circle", 718, 719, "text"],
  ["macaddr8", 774, 775, "text"],
  ["money", 790, 791, "text"],
  ["macaddr", 829, 1040, "text"],
  ["inet", 869, 1041, "text"],
  ["aclitem", 1033, 1034, "text"],
  ["bpchar", 1042, 1014, "text"],
  ["varchar", 1043, 1015, "text"],
  ["date", 1082, 1182, "text"],
  ["time", 1083, 1183, "text"],
  ["timestamp", 1114, 1115, "timestamp"],
  ["timestamptz", 1184, 1185, "timestamptz"],
  ["interval", 1186, 1187, "text"],
  ["timetz", 1266, 1270, "text"],
  ["bit", 1560, 1561, "text"],
  ["varbit", 1562, 1563, "text"],
  ["numeric", 1700, 1231, "text"],
  ["refcursor", 1790, 2201, "text"],
  ["regprocedure", 2202, 2207, "text"],
  ["regoper", 2203, 2208, "text"],
  ["regoperator", 2204, 2209, "text"],
  ["regclass", 2205, 2210, "text"],
  ["regtype", 2206, 2211, "text"],
  ["record", 2249, 2287, "text"],
  ["cstring", 2275, 1263, "text"],
  ["void", 2278, 0, "void"],
  ["uuid", 2950, 2951, "text"],
  ["txid_snapshot", 2970, 2949, "text"],
  ["pg_lsn", 3220, 3221, "text"],
  ["tsvector", 3614, 3643, "text"],
  ["tsquery", 3615, 3645, "text"],
  ["gtsvector", 3642, 3644, "text"],
  ["regconfig", 3734, 3735, "text"],
  ["regdictionary", 3769, 3770, "text"],
  ["jsonb", 3802, 3807, "json"],
  ["int4range", 3904, 3905, "text"],
  ["numrange", 3906, 3907, "text"],
  ["tsrange", 3908, 3909, "text"],
  ["tstzrange", 3910, 3911, "text"],
  ["daterange", 3912, 3913, "text"],
  ["int8range", 3926, 3927, "text"],
  ["jsonpath", 4072, 4073, "text"],
  ["regnamespace", 4089, 4090, "text"],
  ["regrole", 4096, 4097, "text"],
  ["regcollation", 4191, 4192, "text"],
  ["int4multirange", 4451, 6150, "text"],
  ["nummultirange", 4532, 6151, "text"],
  ["tsmultirange", 4533, 6152, "text"],
  ["tstzmultirange", 4534, 6153, "text"],
  ["datemultirange", 4535, 6155, "text"],
  ["int8multirange", 4536, 6157, "text"],
  ["pg_snapshot", 5038, 5039, "text"],
  ["xid8", 5069, 271, "text"],
];

const BOX = 603;

/** Every built-in type, with the arrays over them. */
export const BUILTIN_TYPES: ReadonlyMap<number, TypeEntry> = new Map(
  BUILTIN_ROWS.flatMap(([name, oid, array, kind]): [number, TypeEntry][] => {
    const type: TypeEntry = { name, shape: { kind } };
    return array === 0
      ? [[oid, type]]
      : [[oid, type], [array, arrayOf(type, oid === BOX ? ";" : ",")]];
  }),
);

/** The oids from which on types are a project's or an extension's own (`FirstNormalObjectId`). */
export const FIRST_USER_OID = 16_384;
