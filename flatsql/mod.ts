/**
 * SQL over raw FlatBuffers. What stands so far is the ground floor: reading a stream of
 * size-prefixed records in place, without copying or decoding them.
 *
 * ```ts
 * import { readRecords } from "@fluxbase/flatsql";
 *
 * const stream = new Uint8Array([8, 0, 0, 0, 4, 0, 0, 0, 85, 83, 69, 82]);
 * const { records, consumed } = readRecords(stream);
 * if (records[0]?.fileIdentifier !== "USER" || consumed !== 12) throw new Error("Not read");
 * ```
 *
 * @module
 */
export { readRecords, type RecordSlice, type RecordsRead } from "./buffers/records.ts";
