import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** The part of a request that is looked at before it may become a WebSocket. */
export type UpgradeRequest = Pick<IncomingMessage, 'headers' | 'url'>;

/**
 * Whether a request may open an agent's WebSocket. A page of another site could make a browser in the house
 * knock here, or have its own name resolve to this machine (DNS rebinding): so the Host must be an address, not
 * a stranger's name, and a browser's Origin must be this server.
 * @param hostNames names of this machine beside `localhost`, lower-case
 * @returns why not, or undefined if it may
 */
export function upgradeRefusal(
  { headers }: UpgradeRequest,
  hostNames: readonly string[],
): string | undefined {
  const { host, origin } = headers;
  if (host === undefined || !isOwnHost(host, hostNames)) return 'the Host header is not this server';
  // Programs send no Origin, browsers always do.
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
    return 'the Origin header is not this server';
  return undefined;
}

function isOwnHost(host: string, hostNames: readonly string[]): boolean {
  if (!URL.canParse(`http://${host}`)) return false;
  const { hostname, host: parsed } = new URL(`http://${host}`);
  // What is more than a name and a port (a path, a user) is nobody's Host.
  if (parsed !== host.toLowerCase().replace(/:80$/, '')) return false;
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(name) !== 0 || name === 'localhost' || hostNames.includes(name);
}
