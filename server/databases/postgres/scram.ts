/**
 * Passwords as PostgreSQL stores them, computed here so that the password itself never stands in a
 * statement, where the server's log or its statistics could keep it.
 *
 * @module
 */

/** PostgreSQL's own default; a derived password holds 256 random bits at any count. */
const ITERATIONS = 4096;

/** A SCRAM-SHA-256 verifier (RFC 5803 as `ALTER ROLE … PASSWORD` takes it) of an ASCII password. */
export async function scramVerifier(password: string): Promise<string> {
  const encode = new TextEncoder();
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const secret = await crypto.subtle.importKey("raw", encode.encode(password), "PBKDF2", false, [
    "deriveBits",
  ]);
  const salted = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS },
    secret,
    256,
  );
  const key = await crypto.subtle.importKey(
    "raw",
    salted,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const clientKey = await crypto.subtle.sign("HMAC", key, encode.encode("Client Key"));
  const storedKey = await crypto.subtle.digest("SHA-256", clientKey);
  const serverKey = await crypto.subtle.sign("HMAC", key, encode.encode("Server Key"));
  return `SCRAM-SHA-256$${ITERATIONS}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
}

function base64(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}
