import multicastDns, { type Options } from 'multicast-dns';
import { keyText } from '../../device-agent/node/private-file.ts';
import { type CoordinatorService, serviceType, servicesIn } from './service.ts';

/** A coordinator that somebody at an address says is there. */
export interface FoundCoordinator extends CoordinatorService {
  readonly url: string;
}

export interface FindOptions {
  readonly timeoutMs: number;
  /** One that there is no need to look further for. */
  readonly isWanted: (found: FoundCoordinator) => boolean;
  /** Of the socket; for tests. */
  readonly network?: Options;
}

/** Networks lose what they multicast: so it is asked more than once. */
const askAtMs = [0, 250, 750];
/** A home has fewer; one who makes them up fills no memory. */
const maxFound = 32;

/** Asks the network for coordinators, until the one that is wanted has answered or time is up. */
export function findCoordinators({ timeoutMs, isWanted, network }: FindOptions): Promise<FoundCoordinator[]> {
  const mdns = multicastDns(network);
  const found = new Map<string, FoundCoordinator>();
  return new Promise((resolve) => {
    const end = (): void => {
      for (const timer of timers) clearTimeout(timer);
      mdns.destroy(() => resolve([...found.values()]));
    };
    const timers = [
      ...askAtMs.map((ms) => setTimeout(() => mdns.query(serviceType, 'PTR'), ms)),
      setTimeout(end, timeoutMs),
    ];
    // Where nothing can be heard, nothing is found.
    mdns.on('error', end);
    mdns.on('response', (answer, { address }) => {
      for (const service of servicesIn(answer)) {
        // Its own address and no other: nobody sends devices elsewhere.
        const coordinator = { ...service, url: `http://${address}:${service.port}` };
        if (found.size < maxFound) found.set(`${coordinator.url} ${keyText(service.publicKey)}`, coordinator);
        if (isWanted(coordinator)) end();
      }
    });
  });
}
