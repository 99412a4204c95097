/**
 * `deno task pack`: the typed client as an npm tarball in `dist/`.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { packClient } from "../client/packing/package.ts";

const root = dirname(import.meta.dirname ?? "");
const tarball = await packClient(root, join(root, "dist"));
await Deno.stdout.write(new TextEncoder().encode(`Packed ${tarball}\n`));
