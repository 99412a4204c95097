/** The PostgreSQL that the suites share, out of npm: the server's own embedded one. */
import { throwAwayPostgres } from "../../server/databases/embedded/throw_away.ts";
import { given, type Service } from "./service.ts";

const VARIABLE = "FLUXBASE_TEST_POSTGRES_URL";

/** Each suite makes its own databases on it. */
export const postgres: Service = {
  name: "PostgreSQL",
  async start() {
    const there = given(VARIABLE);
    if (there) return there;
    const server = await throwAwayPostgres();
    return {
      environment: { [VARIABLE]: server.url },
      stop: async () => await server[Symbol.asyncDispose](),
    };
  },
};
