import { BlockList, isIP } from 'node:net';

/** What IANA's special-purpose registries (RFC 6890) do not call globally reachable, and multicast. */
const v4Networks: readonly [network: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** Unspecified, loopback, local NAT64, discard, Teredo, documentation, 6to4, local, multicast. */
const v6Networks: readonly [network: string, prefix: number][] = [
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

/** Which reads IPv4 mapped into IPv6 as IPv4. */
const local = new BlockList();
for (const [network, prefix] of v4Networks) {
  local.addSubnet(network, prefix, 'ipv4');
  // NAT64 (RFC 6052): an IPv6-only network reaches IPv4 through these.
  local.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6');
}
for (const [network, prefix] of v6Networks) local.addSubnet(network, prefix, 'ipv6');

/** Whether an IP address belongs to the internet at large: not to this machine, its network or no one. */
export function isPublicAddress(address: string): boolean {
  const [plain = ''] = address.split('%');
  const version = isIP(plain);
  return version !== 0 && !local.check(plain, version === 4 ? 'ipv4' : 'ipv6');
}
