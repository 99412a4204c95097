/**
 * The id by which one request is found again in logs, audit and errors.
 *
 * @module
 */

const SANE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** The caller's own id where it is harmless in a log and a header, else a new one. */
export function requestIdOf(header: string | null): string {
  return header !== null && SANE.test(header) ? header : crypto.randomUUID();
}
