/**
 * The REST face as a plain HTTP program uses it, for tests.
 *
 * @module
 */

/** Cells of a row by column name. */
export type Row = Record<string, unknown>;

/** What `POST /api/execute-sql` answered: its status beside its body. */
export interface SqlAnswer {
  readonly status: number;
  readonly success: boolean;
  readonly result: {
    readonly rows: Row[];
    readonly columns: string[];
    readonly types: string[];
    readonly rowCount: number;
    readonly command: string;
    readonly truncated?: boolean;
  };
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly sqlstate?: string;
    readonly position?: number;
    readonly retryable: boolean;
    readonly requestId: string;
  };
}

/** Sends JSON with a bearer key and reads the JSON that comes back. */
export async function callRest<Answer = Record<string, unknown>>(
  url: string,
  key: string,
  method: string,
  body?: unknown,
): Promise<Answer & { readonly status: number }> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { ...await response.json(), status: response.status };
}

/** Runs one statement. */
export function executeSql(
  server: string,
  key: string,
  query: string,
  params: readonly unknown[] = [],
): Promise<SqlAnswer> {
  return callRest<SqlAnswer>(`${server}/api/execute-sql`, key, "POST", { query, params });
}

/** Runs one statement that must succeed and gives its rows. */
export async function rowsOf(
  server: string,
  key: string,
  query: string,
  params: readonly unknown[] = [],
): Promise<Row[]> {
  const answer = await executeSql(server, key, query, params);
  if (!answer.success) {
    throw new Error(`${answer.error.code}: ${answer.error.message}\n${query}`);
  }
  return answer.result.rows;
}

/** A project with one key a scope. */
export interface TestProject {
  readonly id: string;
  /** A secret key with every scope. */
  readonly key: string;
  /** A further key with these scopes. */
  keyWith(scopes: readonly string[], kind?: "secret" | "publishable"): Promise<string>;
}

/** Makes a project through the API. */
export async function createProject(
  server: string,
  adminKey: string,
  id: string,
): Promise<TestProject> {
  const made = await callRest<{ success: boolean; key: string }>(
    `${server}/api/projects`,
    adminKey,
    "POST",
    { id, dialect: "postgres" },
  );
  if (!made.success) throw new Error(`No project was made: ${JSON.stringify(made)}`);
  return {
    id,
    key: made.key,
    async keyWith(scopes, kind = "secret") {
      const answer = await callRest<{ success: boolean; key: string }>(
        `${server}/api/projects/${id}/keys`,
        adminKey,
        "POST",
        { scopes, kind },
      );
      if (!answer.success) throw new Error(`No key was made: ${JSON.stringify(answer)}`);
      return answer.key;
    },
  };
}
