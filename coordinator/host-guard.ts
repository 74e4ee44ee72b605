import { isIP } from 'node:net';
import { HearthError } from '../runtime/error.ts';

/**
 * Which names a request may use for this server, and which pages may ask; the same for the API and for devices. A
 * page of another site whose DNS name is pointed at this machine sends that name as Host (DNS rebinding), so a name
 * must be this server's own; an address cannot be pointed elsewhere. A page that asks directly sends its Origin.
 */
export class HostGuard {
  private readonly names: ReadonlySet<string>;

  /** @param names host names or addresses allowed besides those of the loopback interface, without port */
  constructor(names: readonly string[]) {
    this.names = new Set(names.map((name) => hostnameOf(name) ?? name));
  }

  /**
   * @param host the Host header
   * @param origin the Origin header, which a browser sends with all but plain GETs of the page's own site
   * @throws HearthError HOST_NOT_ALLOWED, ORIGIN_NOT_ALLOWED
   */
  check(host: string | undefined, origin: string | undefined): void {
    if (!this.allowsHost(host)) {
      const message = `the host name "${host ?? ''}" is not allowed; use localhost, or allow the name at the start`;
      throw new HearthError('HOST_NOT_ALLOWED', message, { header: 'Host' });
    }
    if (origin !== undefined && !isSameOrigin(origin, host) && !this.allowsOrigin(origin)) {
      throw new HearthError('ORIGIN_NOT_ALLOWED', `pages of "${origin}" may not use this server`, {
        header: 'Origin',
      });
    }
  }

  private allowsHost(host: string | undefined): boolean {
    const name = host === undefined ? undefined : hostnameOf(host);
    return name !== undefined && (isAddress(name) || this.isOwn(name));
  }

  private isOwn(name: string): boolean {
    return isLoopback(name) || this.names.has(name);
  }

  private allowsOrigin(origin: string): boolean {
    const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
    const name = host === undefined ? undefined : hostnameOf(host);
    return name !== undefined && this.isOwn(name);
  }
}

/**
 * Whether a page of this origin is this very server's, as the request's Host names it. Such a Host is an address, or a name
 * of this machine.
 * @param isEncrypted then the page must have come so too
 */
export function isSameOrigin(origin: string, host: string | undefined, isEncrypted = false): boolean {
  const [, scheme, itsHost] = /^(https?):\/\/([^/]+)$/.exec(origin) ?? [];
  return itsHost !== undefined && itsHost === host?.toLowerCase() && (!isEncrypted || scheme === 'https');
}

function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** Whether a host name or address always means this machine. */
export function isLoopback(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(name)
  );
}

/** The name in `name[:port]`, in lower case and in one spelling for each address; nothing if it is no such thing. */
export function hostnameOf(host: string): string | undefined {
  const bracketed = /^[^[\]]*:[^[\]]*:[^[\]]*$/.test(host) ? `[${host}]` : host;
  if (!/^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i.test(bracketed)) return undefined;
  const url = `http://${bracketed}`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : undefined;
}
