/**
 * A process that makes and removes one project, to be killed while it does.
 *
 * Arguments: the administrator's URL and the project's token.
 *
 * @module
 */
import { PostgresServer } from "../databases/postgres/server.ts";

const [adminUrl = "", token = ""] = Deno.args;
const server = new PostgresServer({ adminUrl, rolePassword: (name) => name });
await server.inspect();
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
while (true) {
  await server.create({ token });
  await server.drop({ token });
}
