/** Why the embedded PostgreSQL cannot run; the message is one line for the operator. */
export class EmbeddedError extends Error {
  override readonly name = "EmbeddedError";
}
