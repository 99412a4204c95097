import assert from "node:assert/strict";
import { TrustedProxies } from "./peer.ts";

const proxies = new TrustedProxies(["10.0.0.0/8", "::1", "2001:db8::/32"]);
const forwarded = (value: string) => new Headers({ "x-forwarded-for": value });

Deno.test("a forwarding header of a stranger is not believed", () => {
  assert.equal(proxies.client("203.0.113.9", forwarded("198.51.100.1")), "203.0.113.9");
});

Deno.test("behind trusted proxies the client is the last hop that is none of them", () => {
  const headers = forwarded("1.2.3.4, 198.51.100.1, 10.9.9.9");
  assert.equal(proxies.client("10.0.0.1", headers), "198.51.100.1");
  assert.equal(proxies.client("2001:db8::7", headers), "198.51.100.1");
  assert.equal(proxies.client("::ffff:10.0.0.1", headers), "198.51.100.1");
});

Deno.test("what is no address in a forwarding header is passed over", () => {
  assert.equal(proxies.client("10.0.0.1", forwarded("<script>, 198.51.100.1")), "198.51.100.1");
  assert.equal(proxies.client("10.0.0.1", forwarded("unknown")), "10.0.0.1");
});

Deno.test("loopback counts when it is direct, not when an undeclared proxy relays", () => {
  const none = new TrustedProxies([]);
  assert.equal(none.fromLoopback("127.0.0.1", new Headers()), true);
  assert.equal(none.fromLoopback("::1", new Headers()), true);
  assert.equal(none.fromLoopback("::ffff:127.0.0.1", new Headers()), true);
  assert.equal(none.fromLoopback("192.168.1.5", new Headers()), false);
  assert.equal(none.fromLoopback("127.0.0.1", forwarded("198.51.100.1")), false);
  // Nobody may talk himself into loopback.
  assert.equal(none.fromLoopback("127.0.0.1", forwarded("127.0.0.1")), false);
  assert.equal(none.fromLoopback("198.51.100.1", forwarded("127.0.0.1")), false);
  assert.equal(proxies.fromLoopback("::1", forwarded("198.51.100.1")), false);
  assert.equal(proxies.fromLoopback("::1", forwarded("127.0.0.1")), true);
});
