import { isIP } from 'node:net';

/** The 4 or 16 bytes of an address; nothing if it is none. */
export function addressBytes(address: string): Uint8Array | undefined {
  const [bare] = address.split('%');
  const family = isIP(bare!);
  if (family === 4) return Uint8Array.from(bare!.split('.'), Number);
  if (family !== 6) return undefined;
  // The spelling of a URL has no IPv4 part at its end.
  const [head = '', tail] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::');
  const first = groupsOf(head);
  const last = groupsOf(tail ?? '');
  const between = Array<number>(8 - first.length - last.length).fill(0);
  return Uint8Array.from([...first, ...between, ...last].flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** Of an IPv6 address the half that names the network, since one device makes many of the rest; else the address. */
export function networkOf(address: string): string {
  const bytes = addressBytes(address);
  return bytes?.length === 16 ? Buffer.from(bytes.subarray(0, 8)).toString('hex') : address;
}
