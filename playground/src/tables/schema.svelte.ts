import type { Client, DatabaseSchema } from "@fluxbase/client";

/** A table, view or materialised view. */
export type Table = DatabaseSchema["tables"][number];

/** The project's schema as the key may see it. */
export class Schema {
  tables: readonly Table[] = $state.raw([]);
  problem: string | undefined = $state();
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Reads it anew; after a statement that may have changed it. */
  async load(): Promise<void> {
    try {
      this.tables = (await this.#client.describe()).tables;
      this.problem = undefined;
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }
}
