/**
 * A wire to a PostgreSQL whose answers a test can hold back, as a slow network would: for races in
 * which an answer is old by the time that it arrives.
 *
 * @module
 */

/** A wire that leads to a server. */
export interface SlowWire extends AsyncDisposable {
  /** The server's URL by way of the wire. */
  readonly url: string;
  /** Holds back what the server answers to connections of this `application_name`. */
  hold(applicationName: string): void;
  /** Bytes that wait. */
  readonly held: number;
  /** Lets all that was held back arrive. */
  release(): void;
}

/** Opens a wire to the server of a URL. */
export function slowWire(target: string): SlowWire {
  const { hostname, port } = new URL(target);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.TcpConn>();
  let holding: string | undefined;
  let held = 0;
  let gate = Promise.withResolvers<void>();

  const pass = async (from: Deno.TcpConn, to: Deno.TcpConn, answers: boolean, name: string[]) => {
    const buffer = new Uint8Array(65_536);
    for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
      const bytes = buffer.slice(0, read);
      if (!answers && name.length === 0) name.push(new TextDecoder().decode(bytes));
      if (answers && holding !== undefined && name[0]?.includes(holding)) {
        held += read;
        await gate.promise;
      }
      for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
    }
  };
  const serve = async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname, port: Number(port) });
      connections.add(client).add(server);
      const name: string[] = [];
      const ways = [pass(client, server, false, name), pass(server, client, true, name)];
      Promise.race(ways).catch(() => {}).finally(() => {
        for (const end of [client, server]) {
          if (connections.delete(end)) end.close();
        }
      });
      for (const way of ways) way.catch(() => {});
    }
  };
  const serving = serve().catch(() => {});
  const url = new URL(target);
  url.hostname = "127.0.0.1";
  url.port = String(listener.addr.port);
  return {
    url: url.href,
    hold: (applicationName) => {
      holding = applicationName;
    },
    get held() {
      return held;
    },
    release: () => {
      holding = undefined;
      held = 0;
      gate.resolve();
      gate = Promise.withResolvers();
    },
    async [Symbol.asyncDispose]() {
      gate.resolve();
      listener.close();
      for (const end of connections) end.close();
      connections.clear();
      await serving;
    },
  };
}
