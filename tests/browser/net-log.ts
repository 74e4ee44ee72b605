import { readFileSync } from 'node:fs';
import { makers } from './chromium.ts';

/** What Chromium writes of all that its network does; of an event, what tells where it leads. */
interface NetLog {
  readonly constants: { readonly logEventTypes: Readonly<Record<string, number>> };
  readonly events: readonly { readonly type: number; readonly params?: EventParams }[];
}

interface EventParams {
  readonly url?: string;
  /** The origin of the page that asks; of what the browser asks by itself, and of what is typed in, `not an origin`. */
  readonly initiator?: string;
  readonly host?: string;
  readonly address?: string;
}

/** Where a browser has gone, by its own account. */
export interface Gone {
  /** Asked for by pages, or typed in; those of WebSockets too. */
  readonly urls: readonly string[];
  /** Looked up, with scheme and port. */
  readonly hosts: readonly string[];
  /** Connected to, with port. */
  readonly addresses: readonly string[];
  /** Sent, such as to a name server. */
  readonly datagrams: number;
}

/** Flags of a Chromium that writes what `whereItWent` reads. */
export function netLogFlags(path: string): string[] {
  return [`--log-net-log=${path}`, '--net-log-capture-mode=Default'];
}

/** @param path of the log of a browser that has ended and whose makers cannot be reached, as `BrowserBench` has it */
export function whereItWent(path: string): Gone {
  const { constants, events } = JSON.parse(readFileSync(path, 'utf8')) as NetLog;
  const paramsOf = (name: string): EventParams[] => {
    const type = constants.logEventTypes[name];
    // Under another name, one day, nothing would be found.
    if (type === undefined) throw new Error(`this Chromium's log has no ${name}`);
    return events.flatMap((event) => (event.type === type && event.params ? [event.params] : []));
  };
  return {
    urls: paramsOf('URL_REQUEST_START_JOB').flatMap(({ url, initiator }) =>
      url === undefined || isItsOwn(url, initiator) ? [] : [url],
    ),
    hosts: paramsOf('HOST_RESOLVER_MANAGER_REQUEST').flatMap(({ host }) =>
      host === undefined || host.endsWith('//~notfound') ? [] : [host],
    ),
    addresses: paramsOf('TCP_CONNECT_ATTEMPT').flatMap(({ address }) => address ?? []),
    datagrams: paramsOf('UDP_BYTES_SENT').length,
  };
}

/** What no page has asked for. */
function isItsOwn(url: string, initiator: string | undefined): boolean {
  const { hostname } = new URL(url);
  return initiator === 'not an origin' && makers.some((name) => hostname.endsWith(`.${name}`));
}
