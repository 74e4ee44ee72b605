import { admit } from '../../coordinator/cluster/admit.ts';
import { Cluster, type ClusterOptions } from '../../coordinator/cluster/cluster.ts';
import type { Clock } from '../../device-agent/clock.ts';
import type { CreateRank } from '../../device-agent/create-rank.ts';
import { nodeSha256 } from '../../device-agent/node/sha256.ts';
import { Session, type SessionOptions } from '../../device-agent/session.ts';
import type { Capabilities } from '../../runtime/protocol/messages.ts';
import { referenceCodec } from '../collective/reference-codec.ts';
import { fakeModel, fakeRankOptions } from './fake-model.ts';
import { fakeRanks } from './fake-rank.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';

export const secret = 'a secret of the house';

export const capabilities: Capabilities = {
  platform: 'test',
  kernels: 'baseline',
  threads: 1,
  memoryBytes: 1 << 30,
};

export const nonceOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

export function sessionOptions(name: string, overrides: Partial<SessionOptions> = {}): SessionOptions {
  return {
    secret,
    name,
    softwareVersion: '0.1.0',
    capabilities,
    nonce: nonceOf(2),
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
  const member = await admit(hubLink, {
    secret,
    softwareVersion: '0.1.0',
    nonce: nonceOf(1),
    linkKind: 'websocket',
    ...timing,
  });
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
