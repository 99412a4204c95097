/**
 * The server's API as the client sees it: types alone, no code. In the published package this
 * module's declarations are the server's contract itself, expanded.
 *
 * @module
 */
export type { AppRouter } from "@fluxbase/server/contract";
