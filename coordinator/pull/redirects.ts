import { isIP, type LookupFunction } from 'node:net';
import { HearthError } from '../../runtime/error.ts';

/** Redirects that are followed before it is a loop. */
export const maxRedirects = 5;

/** Tells whether an address may be connected to. */
export type AllowAddress = (address: string) => boolean;

/**
 * Where a server sends its client, if the client may go there: to HTTPS (or plain HTTP from plain HTTP), and to no
 * private address. The origin that the user named is the exception: what they chose may lie in their own network. Of a
 * host that is a name the lookup decides, see `guardedLookup`.
 * @throws HearthError PULL_REFUSED
 */
export function redirectTarget(from: URL, location: string, trustedOrigin: string, allow: AllowAddress): URL {
  if (!URL.canParse(location, from)) throw refused(from, 'to something that is no URL');
  const target = new URL(location, from);
  const secure = target.protocol === 'https:' || (target.protocol === 'http:' && from.protocol === 'http:');
  if (!secure) throw refused(from, `to ${target.protocol}, away from HTTPS`);
  if (target.username !== '' || target.password !== '') throw refused(from, 'to a URL with a password');
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  if (target.origin !== trustedOrigin && isIP(host) !== 0 && !allow(host))
    throw refused(from, `to the private address ${host}`);
  return target;
}

/**
 * A lookup for connections to hosts that a server named: it fails where any of a name's addresses is private. It is
 * asked for each connection and its answer is what is connected to, so a name cannot change between check and use.
 */
export function guardedLookup(lookup: LookupFunction, allow: AllowAddress): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, [], 0);
      const addresses = Array.isArray(found) ? found : [];
      const [first] = addresses;
      const wrong = addresses.find(({ address }) => !allow(address));
      if (wrong || !first) {
        const message = `a redirect leads to ${hostname}, which has the private address ${wrong?.address}: not followed`;
        return callback(new HearthError('PULL_REFUSED', message, { hostname }), [], 0);
      }
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
}

function refused(from: URL, where: string): HearthError {
  return new HearthError('PULL_REFUSED', `${from.origin} redirects ${where}: not followed`, {
    origin: from.origin,
  });
}
