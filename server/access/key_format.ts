/**
 * What keys look like: `flx_<kind>_<public id>_<secret><checksum>`. The prefix tells people and
 * secret scanners what it is, the public id is for lists and look-ups, the checksum drops junk
 * without asking anybody.
 *
 * - kind: `sk` secret, `pk` publishable, `admin` the administrator's
 * - public id: 12 characters, absent in the administrator's key
 * - secret: 32 characters of base 62, 190 bits
 * - checksum: CRC-32 of all before it, 6 characters of base 62
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { KeyKind } from "./principal.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = ALPHABET.length;
const ID_LENGTH = 12;
const SECRET_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const KEY = /^flx_(sk|pk)_([0-9A-Za-z]{12})_[0-9A-Za-z]{38}$/;

const PREFIXES = { secret: "sk", publishable: "pk" } as const satisfies Record<KeyKind, string>;

/** A new key of a project, and the public id in it. */
export function generateKey(kind: KeyKind): { readonly id: string; readonly key: string } {
  const id = randomText(ID_LENGTH);
  return { id, key: withChecksum(`flx_${PREFIXES[kind]}_${id}_${randomText(SECRET_LENGTH)}`) };
}

/** A new administrator's key. */
export function generateAdminKey(): string {
  return withChecksum(`flx_admin_${randomText(SECRET_LENGTH)}`);
}

/** The public id in a key; undefined for what is no key or has a wrong checksum. */
export function publicIdOf(key: string): string | undefined {
  const id = KEY.exec(key)?.[2];
  if (id === undefined) return undefined;
  const body = key.slice(0, -CHECKSUM_LENGTH);
  return withChecksum(body) === key ? id : undefined;
}

function withChecksum(body: string): string {
  let rest = crc32(body);
  let checksum = "";
  for (let digit = 0; digit < CHECKSUM_LENGTH; digit++) {
    checksum = ALPHABET.charAt(rest % BASE) + checksum;
    rest = Math.floor(rest / BASE);
  }
  return body + checksum;
}

/** Uniform characters of base 62: bytes past the last multiple of 62 are thrown away. */
function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      if (byte < 256 - 256 % BASE && text.length < length) text += ALPHABET.charAt(byte % BASE);
    }
  }
  return text;
}
