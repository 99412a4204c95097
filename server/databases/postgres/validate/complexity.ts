/**
 * What a statement may cost the server before it runs. The time between a statement's arrival and
 * its plan is deaf to time-outs and cancel, and parts of it grow with the square of the text:
 * each key of ORDER BY, GROUP BY or DISTINCT is compared with the whole select list and the keys
 * before it, each table of a FROM with all others, and each `*` is written out as often as it
 * stands. 256 kB of `GROUP BY a+0, a+1, …` hold a server of today for 52 s, and nothing but its
 * end ends it.
 *
 * @module
 */
import { type Fields, listOf } from "./tree.ts";

/** Levels of nodes; the parser's own end lies near twice as many. */
export const MAX_DEPTH = 2500;

/** Tables, subqueries, functions and joins in all FROM clauses together. */
export const MAX_RANGES = 2000;

/** `*` and `t.*`, each of which may stand for 1,600 columns. */
export const MAX_STARS = 256;

/** Joins by column name (NATURAL, USING): each looks all columns of both sides up by name. */
export const MAX_NAMED_JOINS = 100;

/** Columns of a select list, and those that the statement defines: PostgreSQL's own limit. */
export const MAX_COLUMNS = 1664;

/** Sort and group keys of the statement times its nodes. */
export const MAX_KEY_WORK = 10_000_000;

/** Counts what stands in a statement. */
export class Complexity {
  #nodes = 0;
  #keys = 0;
  #ranges = 0;
  #stars = 0;
  #namedJoins = 0;
  #columns = 0;

  /** Takes a node in; a text says which limit it breaks. */
  add(tag: string, fields: Fields): string | undefined {
    this.#nodes++;
    switch (tag) {
      case "SelectStmt":
        // DISTINCT compares them pair by pair, before PostgreSQL finds that they are too many.
        if (listOf(fields, "targetList").length > MAX_COLUMNS) {
          return `more than ${MAX_COLUMNS} columns`;
        }
        this.#keys += listOf(fields, "sortClause").length + listOf(fields, "groupClause").length +
          listOf(fields, "distinctClause").length;
        break;
      case "GroupingSet":
        this.#keys += listOf(fields, "content").length;
        break;
      case "WindowDef":
        this.#keys += 1 + listOf(fields, "partitionClause").length +
          listOf(fields, "orderClause").length;
        break;
      case "FuncCall":
        this.#keys += listOf(fields, "agg_order").length;
        if (fields["agg_distinct"] === true) this.#keys += listOf(fields, "args").length;
        break;
      case "JsonAggConstructor":
        this.#keys += listOf(fields, "agg_order").length;
        break;
      case "JoinExpr":
        this.#ranges++;
        if (fields["isNatural"] === true || fields["usingClause"] !== undefined) {
          this.#namedJoins++;
        }
        break;
      case "RangeVar":
      case "RangeSubselect":
      case "RangeFunction":
      case "CommonTableExpr":
        this.#ranges++;
        break;
      case "ColumnDef":
      case "JsonTableColumn":
        this.#columns++;
        break;
    }
    if (this.#ranges > MAX_RANGES) return `more than ${MAX_RANGES} tables and joins`;
    if (this.#namedJoins > MAX_NAMED_JOINS) {
      return `more than ${MAX_NAMED_JOINS} joins by NATURAL or USING`;
    }
    if (this.#columns > MAX_COLUMNS) return `more than ${MAX_COLUMNS} column definitions`;
    return undefined;
  }

  /** Takes in a `*`. */
  addStar(): string | undefined {
    this.#stars++;
    return this.#stars > MAX_STARS ? `more than ${MAX_STARS} times *` : undefined;
  }

  /** Which limit the whole statement breaks. */
  total(): string | undefined {
    return this.#keys * this.#nodes > MAX_KEY_WORK
      ? `${this.#keys} sort and group keys over ${this.#nodes} nodes`
      : undefined;
  }
}
