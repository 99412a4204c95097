/**
 * Everything that derives from `FLUXBASE_SECRET`: one key a purpose (HKDF-SHA-256, RFC 5869), and
 * the encryption of what the control plane must be able to read again (AES-256-GCM).
 *
 * @module
 */
import { hkdfSync } from "node:crypto";

const SECRET_BYTES = 32;
const NONCE_BYTES = 12;
/** First byte of every sealed text, so that another algorithm can follow. */
const FORMAT = 1;

/** The installation's secret, which never leaves this object. */
export class Secrets {
  readonly #secret: Uint8Array;
  readonly #keys = new Map<string, Promise<CryptoKey>>();

  /** `secret` is 32 bytes. */
  constructor(secret: Uint8Array) {
    if (secret.length !== SECRET_BYTES) {
      throw new Error(`Secret must have ${SECRET_BYTES} bytes, not ${secret.length}`);
    }
    this.#secret = secret.slice();
  }

  /** A key of 32 bytes for one purpose; the same for the same secret and purpose. */
  derive(purpose: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(hkdfSync("sha256", this.#secret, "fluxbase", purpose, 32));
  }

  /** Encrypts; `context` (what the text belongs to) must be given again to open it. */
  async seal(purpose: string, context: string, text: string): Promise<Uint8Array> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv: nonce, additionalData: new TextEncoder().encode(context) },
      await this.#key(purpose),
      new TextEncoder().encode(text),
    );
    const out = new Uint8Array(1 + NONCE_BYTES + sealed.byteLength);
    out[0] = FORMAT;
    out.set(nonce, 1);
    out.set(new Uint8Array(sealed), 1 + NONCE_BYTES);
    return out;
  }

  /** Reads what `seal` made; throws when the secret is another one or the bytes were changed. */
  async open(purpose: string, context: string, sealed: Uint8Array): Promise<string> {
    if (sealed[0] !== FORMAT) {
      throw new Error(`Sealed text has the unknown format ${sealed[0]}`);
    }
    const bytes = sealed.slice();
    const text = await crypto.subtle.decrypt(
      {
        name: "AES-GCM",
        iv: bytes.subarray(1, 1 + NONCE_BYTES),
        additionalData: new TextEncoder().encode(context),
      },
      await this.#key(purpose),
      bytes.subarray(1 + NONCE_BYTES),
    );
    return new TextDecoder().decode(text);
  }

  #key(purpose: string): Promise<CryptoKey> {
    let key = this.#keys.get(purpose);
    if (key === undefined) {
      const raw = this.derive(purpose);
      key = crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
      this.#keys.set(purpose, key);
    }
    return key;
  }
}
