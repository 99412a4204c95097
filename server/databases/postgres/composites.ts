/**
 * PostgreSQL's row literals (manual, "8.16.6. Composite Type Input and Output Syntax").
 *
 * @module
 */

/** The fields' texts of a row's text such as `(1,"a b",)`; an empty field is NULL. */
export function splitRow(text: string): (string | null)[] {
  const fields: (string | null)[] = [];
  let at = 1;
  for (;;) {
    const start = at;
    let quoted = false;
    let plain = true;
    for (; at < text.length; at++) {
      const character = text[at];
      if (character === '"') {
        quoted = !quoted;
        plain = false;
      } else if (!quoted && (character === "," || character === ")")) {
        break;
      }
    }
    fields.push(plain ? text.slice(start, at) || null : unquote(text.slice(start, at)));
    if (text[at++] !== ",") return fields;
  }
}

/** Quotes and backslashes stand doubled inside the one pair of quotes that the server writes. */
function unquote(text: string): string {
  return text.slice(1, -1).replace(/""|\\\\/g, (pair) => pair.slice(1));
}

/** A row literal of texts that are encoded already; `null` is SQL's NULL. */
export function rowLiteral(fields: readonly (string | null)[]): string {
  const texts = fields.map((text) => text === null ? "" : `"${text.replace(/["\\]/g, "$&$&")}"`);
  return `(${texts.join(",")})`;
}
