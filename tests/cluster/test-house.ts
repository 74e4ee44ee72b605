import { onTestFinished } from 'vitest';
import { admitOrAttach } from '../../coordinator/cluster/admit.ts';
import type { Cluster, ClusterOptions } from '../../coordinator/cluster/cluster.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Session, type SessionOptions } from '../../device-agent/session.ts';
import { decodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, type Frame } from '../../runtime/protocol/frame.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { nonceOf, secret, sessionOptions, testCluster } from './test-cluster.ts';

/** A device with links of their own for tiles, and the coordinator's ends of all its links. */
export interface HouseDevice {
  readonly session: Session;
  readonly hub: MemoryLink;
  /** In the order in which they were opened. */
  readonly tileHubs: MemoryLink[];
}

/** A cluster with a door in memory: devices may open as many links as they like. */
export class TestHouse {
  readonly clock = new FakeClock();
  readonly cluster: Cluster;
  readonly members = new Set<Member>();
  readonly #tileLinkWaitMs: number;
  #nonces = 0;

  /** @param tileLinkWaitMs that devices are given for their links for tiles */
  constructor(options: Partial<ClusterOptions> = {}, tileLinkWaitMs = 0) {
    this.#tileLinkWaitMs = tileLinkWaitMs;
    this.cluster = testCluster({ clock: this.clock, ...options });
  }

  /** Every nonce of this house is another. */
  newNonce = (): Uint8Array => {
    this.#nonces += 1;
    return nonceOf(100 + this.#nonces);
  };

  /** @returns the coordinator's end of a new link, and the other one */
  knock(): [MemoryLink, MemoryLink] {
    const [hub, link] = memoryLinkPair();
    const options = { secret, softwareVersion: '0.1.0', linkKind: 'websocket' } as const;
    const waits = { clock: this.clock, tileLinkWaitMs: this.#tileLinkWaitMs };
    admitOrAttach(hub, { ...options, ...waits, nonce: this.newNonce() }, this.members).then(
      (member) => {
        if (!member) return;
        this.members.add(member);
        this.cluster.add(member);
      },
      () => {},
    );
    return [hub, link];
  }

  /** Joins, and waits until the link for tiles is there too. */
  async join(name: string, overrides: Partial<SessionOptions> = {}): Promise<HouseDevice> {
    const tileHubs: MemoryLink[] = [];
    const open = (): MemoryLink => {
      const [hub, link] = this.knock();
      tileHubs.push(hub);
      return link;
    };
    const [hub, link] = this.knock();
    const identity = { nonce: this.newNonce(), tileLinks: { open, newNonce: this.newNonce } };
    const options = sessionOptions(name, { clock: this.clock, ...identity, ...overrides });
    const session = new Session(link, options);
    await settle();
    return { session, hub, tileHubs };
  }
}

/** A house that stands until the end of the test that calls this. */
export function house(...options: ConstructorParameters<typeof TestHouse>): TestHouse {
  const started = new TestHouse(...options);
  onTestFinished(() => started.cluster.close());
  return started;
}

/** What was sent over a link. */
export function framesOf({ sent }: MemoryLink): Frame[] {
  return sent.map((message) => decodeFrame(message, defaultFrameLimits));
}

export function tilesOf(link: MemoryLink): number[] {
  return framesOf(link).flatMap(({ type, id }) => (type === 'tile' ? [id] : []));
}

export function messagesOf(link: MemoryLink): ControlMessage[] {
  return framesOf(link).flatMap((frame) => (frame.type === 'control' ? [decodeControl(frame)] : []));
}
