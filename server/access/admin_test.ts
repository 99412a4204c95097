import { deepEqual, equal, notDeepEqual, ok, throws } from "node:assert/strict";
import { scratchPlane, until } from "../testing/control_plane.ts";
import {
  AdminKey,
  followAdminKey,
  generateAdminKey,
  readAdminKey,
  storeAdminKey,
  storeFirstAdminKey,
} from "./admin.ts";

Deno.test("an administrator's key is recognised, and nothing else is", () => {
  const plain = generateAdminKey();
  const key = AdminKey.fromPlain(plain);
  ok(key.verify(plain));
  for (const other of ["", plain.slice(1), `${plain} `, generateAdminKey()]) {
    equal(key.verify(other), false);
  }
  ok(AdminKey.fromHash(key.hash).verify(plain));
});

Deno.test("a key of the operator's own that is too short is refused without quoting it", () => {
  throws(
    () => AdminKey.fromPlain("hunter2"),
    (error: Error) => /at least 32 characters, not 7$/.test(error.message),
  );
});

Deno.test("of two servers that start at once with a new key each, one key holds", async () => {
  await using scratch = await scratchPlane();
  const planes = [await scratch.open(), await scratch.open()];
  const held = await Promise.all(
    planes.map((plane) => storeFirstAdminKey(plane, AdminKey.fromPlain(generateAdminKey()))),
  );
  deepEqual(held[0]?.hash, held[1]?.hash);
});

Deno.test("a stored key replaces the one before in every process within a second", async () => {
  await using scratch = await scratchPlane();
  const [one, two] = [await scratch.open(), await scratch.open()];
  const [first, second] = [generateAdminKey(), generateAdminKey()];
  const there = await storeFirstAdminKey(two, AdminKey.fromPlain(first));
  const stop = followAdminKey(two, there);
  ok(there.verify(first));
  await storeAdminKey(one, AdminKey.fromPlain(second));
  await until(() => there.verify(second), 1_000);
  equal(there.verify(first), false);
  ok((await readAdminKey(one.sql))?.verify(second));
  stop();
});

Deno.test("the database holds a hash of the administrator's key only", async () => {
  await using scratch = await scratchPlane();
  const plane = await scratch.open();
  const plain = generateAdminKey();
  await storeAdminKey(plane, AdminKey.fromPlain(plain));
  const [row] = await scratch.sql<{ hash: Uint8Array; text: string }[]>`
    SELECT hash, row_to_json(admin_keys)::text AS text FROM fluxbase_control.admin_keys`;
  equal(row?.text.includes(plain), false);
  const unsalted = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(plain));
  notDeepEqual(new Uint8Array(row?.hash ?? []), new Uint8Array(unsalted));
});
