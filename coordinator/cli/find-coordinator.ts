import { createInterface } from 'node:readline/promises';
import type { DeviceKeys } from '../../device-agent/node/device-keys.ts';
import { HearthError } from '../../runtime/error.ts';
import { type FindOptions, type FoundCoordinator, findCoordinators } from '../discovery/find.ts';
import { hostnameOf, isLoopback } from '../host-guard.ts';

/** The network answers within a fraction of this. */
const searchMs = 2_000;

export interface SearchOptions {
  readonly credentials: Pick<DeviceKeys, 'knows' | 'lastUrl'>;
  /** Asks a person; undefined where there is none. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  readonly say: (words: string) => void;
  readonly find?: (options: FindOptions) => Promise<FoundCoordinator[]>;
}

/**
 * Where the coordinator is that a device should join, if nobody says: one that it is paired with and that the network
 * knows; else the one that it joined last; else one that a person chooses.
 * @throws HearthError USAGE if there is none, or none that could be chosen
 */
export async function findCoordinator(options: SearchOptions): Promise<string> {
  const { credentials, ask, say, find = findCoordinators } = options;
  const { lastUrl } = credentials;
  // One of this machine is not announced.
  if (lastUrl !== undefined && isLocal(lastUrl)) return lastUrl;
  say('looking for coordinators on this network');
  const isPaired = ({ publicKey }: FoundCoordinator): boolean => credentials.knows(publicKey);
  const found = await find({ timeoutMs: searchMs, isWanted: isPaired });
  const paired = found.find(isPaired);
  if (paired) return paired.url;
  if (lastUrl !== undefined) return lastUrl;
  if (found.length === 0) {
    const message =
      'no coordinator was found on this network: give the line that hearth serve --lan prints on another device';
    throw new HearthError('USAGE', message);
  }
  const lines = found.map(({ name, url }, index) => `  ${index + 1}  ${name} at ${url}`).join('\n');
  if (!ask) {
    const message = `this device is paired with none of these: join one with the line that hearth serve prints there\n${lines}`;
    throw new HearthError('USAGE', message);
  }
  say(`found, of which this device is paired with none:\n${lines}`);
  if (found.length === 1) return found[0]!.url;
  const chosen = found[Number(await ask('Which one? ')) - 1];
  if (!chosen) throw new HearthError('USAGE', `that is none of 1 to ${found.length}`);
  return chosen.url;
}

/** Asks in the terminal, where there is one. */
export function terminalQuestion(signal: AbortSignal): SearchOptions['ask'] {
  if (!process.stdin.isTTY) return undefined;
  return async (question) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    return terminal.question(question, { signal }).finally(() => terminal.close());
  };
}

function isLocal(url: string): boolean {
  return URL.canParse(url) && isLoopback(hostnameOf(new URL(url).host) ?? '');
}
