/**
 * The data folder and the secrets in it, each a file that only its owner reads. Several processes
 * may make the same secret at once: one wins, and all read that one.
 *
 * @module
 */
import { join } from "node:path";
import { ConfigError, decodeSecret } from "./config.ts";

/** Names of the files with secrets. */
export type SecretFile = "secret" | "admin-key" | "demo-key";

/** A folder that exists and can be written to. */
export class DataFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder where there is none, closed to everyone else. */
  static async open(path: string): Promise<DataFolder> {
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError(
        `FLUXBASE_DATA_DIR is "${path}", which cannot be made (${reason}): set it to a folder ` +
          "that this user can write to",
      );
    }
    return new DataFolder(path);
  }

  /** Path of a file. */
  pathOf(name: SecretFile): string {
    return join(this.path, name);
  }

  /** A secret's text; `undefined` where there is none. A file open to others is closed first. */
  async read(name: SecretFile): Promise<string | undefined> {
    const path = this.pathOf(name);
    try {
      const { mode } = await Deno.stat(path);
      if (mode !== null && (mode & 0o077) !== 0) await Deno.chmod(path, 0o600);
      const text = (await Deno.readTextFile(path)).trim();
      if (text !== "") return text;
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return undefined;
      throw new ConfigError(`Cannot read "${path}": ${(thrown as Error).message}`);
    }
    throw new ConfigError(`The file "${path}" is empty: restore it, or remove it for a new one`);
  }

  /** The secret, made where there is none; `made` says so. */
  async readOrMake(
    name: SecretFile,
    make: () => string,
  ): Promise<{ readonly text: string; readonly made: boolean }> {
    const found = await this.read(name);
    if (found !== undefined) return { text: found, made: false };
    const fresh = await this.#writeBeside(name, make());
    try {
      // Fails where another process was quicker, unlike a rename
      await Deno.link(fresh, this.pathOf(name));
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.AlreadyExists)) throw thrown;
      return { text: await this.read(name) ?? "", made: false };
    } finally {
      await Deno.remove(fresh);
    }
    return { text: await this.read(name) ?? "", made: true };
  }

  /** Puts a secret in place of the one before. */
  async write(name: SecretFile, text: string): Promise<void> {
    await Deno.rename(await this.#writeBeside(name, text), this.pathOf(name));
  }

  async remove(name: SecretFile): Promise<void> {
    await Deno.remove(this.pathOf(name));
  }

  /** The platform's secret of 32 bytes. */
  async platformSecret(): Promise<Uint8Array<ArrayBuffer>> {
    const make = () => crypto.getRandomValues(new Uint8Array(32)).toBase64();
    const bytes = decodeSecret((await this.readOrMake("secret", make)).text);
    if (bytes !== undefined) return bytes;
    throw new ConfigError(
      `The file "${this.pathOf("secret")}" does not hold 32 bytes in base64: restore it from a ` +
        "backup; without it, what it encrypts is lost",
    );
  }

  async #writeBeside(name: SecretFile, text: string): Promise<string> {
    const path = join(this.path, `.${name}.${crypto.randomUUID()}`);
    using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    await file.write(new TextEncoder().encode(`${text}\n`));
    await file.sync();
    return path;
  }
}
