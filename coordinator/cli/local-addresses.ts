import { hostname, networkInterfaces } from 'node:os';

/** Addresses by which others on the network reach this machine, IPv4 first. */
export function localAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80'));
  const byFamily = (family: string) =>
    outside.filter((a) => a.family === family).map(({ address }) => address);
  return [...byFamily('IPv4'), ...byFamily('IPv6')];
}

/** What this machine calls itself, as URLs have it. */
export function localName(): string {
  return hostname().toLowerCase();
}

/** And what others may call it. */
export function localNames(): string[] {
  return [localName(), `${localName()}.local`];
}
