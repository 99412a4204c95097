/**
 * A process that makes and removes one project over and over, through whatever happens to its
 * PostgreSQL. Says a line a call: what it was, and `done` or the error's code.
 *
 * Arguments: the administrator's URL and the project's token.
 *
 * @module
 */
import { errorCode } from "../databases/postgres/admin.ts";
import { PostgresServer } from "../databases/postgres/server.ts";

const [adminUrl = "", token = ""] = Deno.args;
const server = new PostgresServer({ adminUrl, rolePassword: (name) => name });
for (let calls = 0;; calls++) {
  const act = calls % 2 === 0 ? "create" : "drop";
  for (let outcome = ""; outcome !== "done";) {
    outcome = await server[act]({ token }).then(() => "done", (error) => `${errorCode(error)}`);
    await Deno.stdout.write(new TextEncoder().encode(`${act} ${outcome}\n`));
    if (outcome !== "done") await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
