import { hostname, networkInterfaces } from 'node:os';

/** Addresses and names by which others on the network reach this machine, IPv4 first. */
export function localAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80'));
  const byFamily = (family: string) =>
    outside.filter((a) => a.family === family).map(({ address }) => address);
  const name = hostname().toLowerCase();
  return [...byFamily('IPv4'), ...byFamily('IPv6'), name, `${name}.local`];
}
