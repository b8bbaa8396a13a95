import { lookup as dnsLookup, type LookupAddress, type LookupAllOptions } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Where a router must not let itself be sent: its own machine and network, and what is nobody's address. */
const FORBIDDEN = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  FORBIDDEN.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 96], // unspecified, and IPv4 in disguise
  ["64:ff9b::", 96], // NAT64
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23], // protocol assignments, Teredo
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4: carries any IPv4 address
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const)
  FORBIDDEN.addSubnet(network, prefix, "ipv6");

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

export interface EndpointPolicy {
  /** Development: providers on this machine, over plain HTTP. */
  readonly allowLoopback: boolean;
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Whether an address may be connected to. */
export function isAllowedAddress(address: string, policy: EndpointPolicy): boolean {
  // `BlockList` looks at IPv4-mapped addresses as IPv4 in the kinds of lists above; be explicit all the same.
  const plain = MAPPED_IPV4.exec(address)?.[1] ?? address;
  const family = isIP(plain);
  if (family === 0) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  if (LOOPBACK.check(plain, type)) return policy.allowLoopback;
  return !FORBIDDEN.check(plain, type);
}

const isLoopbackName = (host: string): boolean =>
  host === "localhost" || LOOPBACK.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");

/** The host of a URL, without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** What can be said against a base URL without asking for its address; undefined if nothing. */
export function refuseUrl(baseUrl: string, policy: EndpointPolicy): string | undefined {
  if (!URL.canParse(baseUrl)) return "not a URL";
  const url = new URL(baseUrl);
  const host = hostOf(url);
  if (url.username !== "" || url.password !== "") return "a URL with a user or a password; use api_key";
  if (url.search !== "" || url.hash !== "") return "a URL with a query or a fragment";
  if (url.protocol === "http:" && !(policy.allowLoopback && isLoopbackName(host))) return "not https";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "not https";
  if (isIP(host) !== 0 && !isAllowedAddress(host, policy)) return "an address that is not public";
  return undefined;
}

/** Finds all addresses of a name, as `dns.lookup` does with `all`. */
export type ResolveName = (
  host: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const addressesOf = async (host: string, resolveName: ResolveName): Promise<LookupAddress[]> =>
  new Promise((done, fail) =>
    resolveName(host, { all: true }, (error, addresses) => {
      if (error) fail(error);
      else done(addresses);
    }),
  );

/** Says why a URL may not be an endpoint, its name resolved; undefined when it may. */
export async function refuseEndpoint(
  baseUrl: string,
  policy: EndpointPolicy,
  resolveName: ResolveName = dnsLookup,
): Promise<string | undefined> {
  const refusal = refuseUrl(baseUrl, policy);
  if (refusal !== undefined) return refusal;
  const host = hostOf(new URL(baseUrl));
  if (isIP(host) !== 0) return undefined;
  try {
    const addresses = await addressesOf(host, resolveName);
    const areAllowed = addresses.every(({ address }) => isAllowedAddress(address, policy));
    return areAllowed ? undefined : "a name of an address that is not public";
  } catch {
    return "a name that does not resolve";
  }
}

/**
 * `dns.lookup` that hands out allowed addresses only. It is asked once per connection, and what it hands out is what is
 * connected to: a name that resolves differently the next time gains nothing. (A host that is an address is never looked
 * up: `refuseUrl` judges it.)
 */
export function guardedLookup(policy: EndpointPolicy, resolveName: ResolveName = dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      if (!addresses.every(({ address }) => isAllowedAddress(address, policy)))
        return callback(new Error("a name of an address that is not public"), []);
      const [first] = addresses;
      if (options.all === true) return callback(null, addresses);
      return callback(null, first?.address ?? "", first?.family);
    });
  };
}
