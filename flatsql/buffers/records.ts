/** One size-prefixed FlatBuffer inside a stream. */
export interface RecordSlice {
  /** Byte offset of the buffer (behind its size prefix) in the stream. */
  readonly offset: number;
  /** Length of the buffer in bytes, its prefix not counted. */
  readonly length: number;
  /** The four characters at byte 4 that name the root type; absent in buffers under 8 bytes. */
  readonly fileIdentifier?: string;
}

/** What a stream held. */
export interface RecordsRead {
  readonly records: readonly RecordSlice[];
  /** Bytes that whole records filled; the rest is the beginning of a record yet to come. */
  readonly consumed: number;
}

/** Shortest buffer that can be a FlatBuffer: the offset to its root table. */
const MIN_BUFFER_BYTES = 4;

/**
 * Finds the records of `[4-byte size LE][FlatBuffer][4-byte size LE][FlatBuffer]…` without
 * copying. A record cut off at the end is left for the next call: hand over the bytes from
 * `consumed` on, followed by what arrives.
 *
 * Throws `RangeError` with the offset when a size prefix cannot be one: under 4, or above
 * `maxRecordBytes` (default 64 MiB), since whatever follows it would be read out of step.
 *
 * Format: https://flatbuffers.dev/internals/ ("size-prefixed buffers").
 */
export function readRecords(
  stream: Uint8Array,
  options: { readonly maxRecordBytes?: number } = {},
): RecordsRead {
  const maxRecordBytes = options.maxRecordBytes ?? 64 * 1024 * 1024;
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const records: RecordSlice[] = [];
  let at = 0;
  while (at + 4 <= stream.length) {
    const length = view.getUint32(at, true);
    if (length < MIN_BUFFER_BYTES || length > maxRecordBytes) {
      throw new RangeError(`Cannot read a record at offset ${at}: its size prefix is "${length}"`);
    }
    const offset = at + 4;
    if (offset + length > stream.length) break;
    records.push(
      length < 8
        ? { offset, length }
        : { offset, length, fileIdentifier: latin1(stream, offset + 4) },
    );
    at = offset + length;
  }
  return { records, consumed: at };
}

function latin1(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
