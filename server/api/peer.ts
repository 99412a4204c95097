/**
 * Where a request came from. Forwarding headers count only where the connection itself comes from
 * a trusted proxy; from anybody else they are somebody's claim.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";

/** The addresses whose forwarding headers count. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #any: boolean;

  /** Takes addresses and CIDR ranges, checked by the configuration. */
  constructor(ranges: readonly string[]) {
    this.#any = ranges.length > 0;
    for (const range of ranges) {
      const [address = "", bits] = range.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      this.#list.addSubnet(address, Number(bits ?? (family === "ipv6" ? 128 : 32)), family);
    }
  }

  /** Whether the address is a trusted proxy's. */
  trusts(address: string): boolean {
    if (!this.#any) return false;
    const bare = withoutMapping(address);
    const family = isIP(bare);
    return family !== 0 && this.#list.check(bare, family === 6 ? "ipv6" : "ipv4");
  }

  /** The client's address: the last hop that is not a trusted proxy. */
  client(peer: string, headers: Headers): string {
    if (!this.trusts(peer)) return withoutMapping(peer);
    const hops = (headers.get("x-forwarded-for") ?? "").split(",").map((hop) => hop.trim());
    const last = hops.reverse().find((hop) => isIP(hop) !== 0 && !this.trusts(hop));
    return withoutMapping(last ?? peer);
  }

  /** Whether the request comes straight, or through trusted proxies, from this machine itself. */
  fromLoopback(peer: string, headers: Headers): boolean {
    // A local proxy that nobody declared relays strangers over a loopback connection.
    const relayed = FORWARDING_HEADERS.some((name) => headers.has(name));
    if (relayed && !this.trusts(peer)) return false;
    return isLoopback(this.client(peer, headers));
  }

  /** The `host:port` under which the client reached the server. */
  host(peer: string, headers: Headers): string | null {
    const forwarded = this.trusts(peer) ? headers.get("x-forwarded-host") : null;
    return forwarded ?? headers.get("host");
  }
}

const FORWARDING_HEADERS = ["x-forwarded-for", "forwarded", "x-real-ip", "via"];

function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}

/** A dual-stack socket shows IPv4 peers as `::ffff:127.0.0.1`. */
function withoutMapping(address: string): string {
  return address.toLowerCase().startsWith("::ffff:") && address.includes(".")
    ? address.slice(7)
    : address;
}
