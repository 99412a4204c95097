/**
 * PostgreSQL's timestamps as ISO 8601. Every finite one has six digits after the second; years
 * beyond 9999 keep their five or six digits, and years before Christ PostgreSQL's ` BC` at the
 * end, so that the database reads back each form that it gave.
 *
 * @module
 */

/** `2026-01-02 03:04:05.1` as `2026-01-02T03:04:05.100000`; `infinity` as it is. */
export function decodeTimestamp(text: string): string {
  return format(text, text.length, "");
}

/** `2026-01-02 03:04:05.1+00` as `2026-01-02T03:04:05.100000Z`; `infinity` as it is. */
export function decodeTimestamptz(text: string): string {
  const end = text.endsWith(" BC") ? text.length - BC.length : text.length;
  // Sessions pin UTC. An offset in any other zone stays in sight instead of passing for UTC.
  return text.endsWith("+00", end) ? format(text, end - "+00".length, "Z") : text;
}

const BC = " BC";
const DATE_LENGTH = "2026-01-02".length;
const TIME_LENGTH = "03:04:05".length;
const FRACTION_ZEROS = [".000000", "000000", "00000", "0000", "000", "00", "0", ""] as const;

/** `end` is where the time of day ends, with its fraction and without its zone. */
function format(text: string, end: number, zone: string): string {
  const separator = text[DATE_LENGTH] === " " ? DATE_LENGTH : text.indexOf(" ");
  if (separator < 0) return text;
  const era = text.endsWith(BC) ? BC : "";
  if (zone === "" && era !== "") end -= BC.length;
  const fraction = end - separator - 1 - TIME_LENGTH;
  return text.slice(0, separator) + "T" + text.slice(separator + 1, end) +
    (FRACTION_ZEROS[fraction] ?? "") + zone + era;
}
