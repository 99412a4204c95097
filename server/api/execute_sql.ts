/**
 * `POST /api/execute-sql`: the hot path of REST, answered before any router sees it.
 *
 * @module
 */
import type { JsonValue, ResultSet } from "../databases/database.ts";
import { parseJson, readText } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import { requireBearer } from "./identify.ts";
import { execute } from "./operations.ts";
import { executeSqlBody } from "./schemas.ts";
import { badInput } from "./trpc.ts";

/** Reads, runs and answers one statement. */
export async function executeSql(exchange: Exchange): Promise<Response> {
  try {
    // Before the body is read: strangers cost nothing.
    requireBearer(exchange);
    const body = parseJson(await readText(exchange.request, exchange.parts.maxBodyBytes));
    const input = executeSqlBody.safeParse(body);
    if (!input.success) throw badInput(input.error);
    const { rowMode, ...statement } = input.data;
    const result = await execute(exchange, statement);
    return exchange.json(200, executeSqlText(result, rowMode ?? "object"));
  } catch (thrown) {
    return exchange.failure(thrown);
  }
}

/** The answer's text. */
export function executeSqlText(result: ResultSet, rowMode: "object" | "array"): string {
  const { columns, rows, rowCount, command, truncated } = result;
  const names = columns.map(({ name }) => name);
  return JSON.stringify({
    success: true,
    result: {
      rows: rowMode === "array" ? rows : objectRows(names, rows),
      columns: names,
      types: columns.map(({ type }) => type),
      rowCount,
      command,
      ...(truncated ? { truncated } : {}),
    },
  });
}

type ObjectRow = Record<string, JsonValue>;

function objectRows(
  names: readonly string[],
  rows: readonly (readonly JsonValue[])[],
): ObjectRow[] {
  return rows.map((row) => {
    // Deno has no `__proto__` accessor, so a column of that name is a property like any other.
    const object: ObjectRow = {};
    for (let at = 0; at < names.length; at++) {
      object[names[at] as string] = row[at] as JsonValue;
    }
    return object;
  });
}
