import { admit } from '../../coordinator/cluster/admit.ts';
import { Cluster } from '../../coordinator/cluster/cluster.ts';
import type { ClusterOptions } from '../../coordinator/cluster/cluster-options.ts';
import { Pairing, type PairingState } from '../../coordinator/pairing/pairing.ts';
import type { Clock } from '../../device-agent/clock.ts';
import type { CreateRank } from '../../device-agent/create-rank.ts';
import type { RememberingCredentials } from '../../device-agent/keep-joined.ts';
import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { Session, type SessionOptions } from '../../device-agent/session.ts';
import type { Capabilities, Welcome } from '../../runtime/protocol/messages.ts';
import { newKeyPair } from '../../runtime/secure/cryptography.ts';
import { referenceCodec } from '../collective/reference-codec.ts';
import { fakeModel, fakeRankOptions } from './fake-model.ts';
import { fakeRanks } from './fake-rank.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';

export const secret = 'a-secret-of-this-house';

export const capabilities: Capabilities = {
  platform: 'test',
  kernels: 'baseline',
  threads: 1,
  memoryBytes: 1 << 30,
};

/** A coordinator's list of devices, in memory. */
export function testPairing(ownSecret = secret): Pairing {
  let state: PairingState = { identity: newKeyPair(nodeCryptography), devices: [] };
  const store = { read: () => state, write: (next: PairingState) => (state = next) };
  return new Pairing({ ...store, locked: (task) => task() }, ownSecret);
}

/** A device's keys, in memory. */
export function testCredentials(): RememberingCredentials {
  const known = new Set<string>();
  const textOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
  return {
    own: newKeyPair(nodeCryptography),
    knows: (coordinator) => known.has(textOf(coordinator)),
    remember: (coordinator) => known.add(textOf(coordinator)),
  };
}

export const welcome: Welcome = {
  type: 'welcome',
  session: new Uint8Array(16).fill(1),
  tileKey: new Uint8Array(32).fill(2),
};

export function sessionOptions(name: string, overrides: Partial<SessionOptions> = {}): SessionOptions {
  return {
    name,
    softwareVersion: '0.1.0',
    capabilities,
    createRank: fakeRanks(),
    sha256: nodeSha256,
    ...overrides,
  };
}

/** A device in this process, linked to a cluster. */
export interface TestDevice {
  readonly session: Session;
  /** The coordinator's end. */
  readonly hubLink: MemoryLink;
  /** The device's end. */
  readonly link: MemoryLink;
}

/** Joins a device in memory to a cluster. */
export async function joinDevice(
  cluster: Cluster,
  name: string,
  createRank: CreateRank = fakeRanks(),
  clock?: Clock,
): Promise<TestDevice> {
  const [hubLink, link] = memoryLinkPair();
  const timing = clock ? { clock } : {};
  const session = new Session(link, sessionOptions(name, { createRank, ...timing }));
  const member = await admit(hubLink, { linkKind: 'websocket', ...timing });
  cluster.add(member);
  return { session, hubLink, link };
}

export function testCluster(options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({
    model: fakeModel(),
    rankOptions: fakeRankOptions,
    createCodec: () => referenceCodec,
    deviceWaitMs: 2_000,
    ...options,
  });
}
