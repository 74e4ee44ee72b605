import { onTestFinished } from 'vitest';
import { admit } from '../../coordinator/cluster/admit.ts';
import type { Cluster } from '../../coordinator/cluster/cluster.ts';
import type { ClusterOptions } from '../../coordinator/cluster/cluster-options.ts';
import { type GreetOptions, greet } from '../../coordinator/cluster/greet.ts';
import type { Member } from '../../coordinator/cluster/member.ts';
import { Sessions } from '../../coordinator/cluster/sessions.ts';
import { joining, knock, type SessionKey } from '../../device-agent/knock.ts';
import type { Link } from '../../device-agent/link.ts';
import { Session, type SessionOptions } from '../../device-agent/session.ts';
import { decodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, type Frame } from '../../runtime/protocol/frame.ts';
import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { type MemoryLink, memoryLinkPair } from './memory-link.ts';
import { secret, sessionOptions, testCluster, testCredentials, testPairing } from './test-cluster.ts';
import { visibleCryptography as cryptography, visibleFrame } from './visible-cryptography.ts';

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
  readonly pairing = testPairing();
  readonly sessions = new Sessions();
  /** Of those who have joined, the first one first. */
  readonly keys: SessionKey[] = [];
  /** Gets the coordinator's end of each link whose other end has proved who it is. */
  onSealed: (link: Link) => unknown = () => {};
  readonly #tileLinkWaitMs: number;

  /** @param tileLinkWaitMs that devices are given for their links for tiles */
  constructor(options: Partial<ClusterOptions> = {}, tileLinkWaitMs = 0) {
    this.#tileLinkWaitMs = tileLinkWaitMs;
    this.cluster = testCluster({ clock: this.clock, ...options });
  }

  /** @returns the coordinator's end of a new link, and the other one */
  knock(): [MemoryLink, MemoryLink] {
    const [hub, link] = memoryLinkPair();
    const options: GreetOptions = {
      guests: this.pairing,
      tileKeyOf: (session) => this.sessions.tileKeyOf(session),
      cryptography,
      softwareVersion: '0.1.0',
      clock: this.clock,
    };
    greet<void>(hub, options, (sealed, purpose) => {
      this.onSealed(sealed);
      if (purpose.type === 'join') return this.#takeIn(sealed, purpose.device);
      return this.sessions.attach(purpose.session, sealed);
    }).catch(() => {});
    return [hub, link];
  }

  async #takeIn(sealed: Link, device: Uint8Array): Promise<void> {
    let key!: SessionKey;
    const member: Member = await admit(sealed, {
      linkKind: 'websocket',
      clock: this.clock,
      tileLinkWaitMs: this.#tileLinkWaitMs,
      onJoin: (_, sessionKey) => (key = sessionKey),
    });
    this.keys.push(key);
    this.sessions.add({ member, device, tileKey: key.tileKey });
    this.cluster.add(member);
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
    const tileLinks = { open, cryptography };
    const options = sessionOptions(name, { clock: this.clock, tileLinks, ...overrides });
    const opener = joining(cryptography, testCredentials(), secret, '0.1.0');
    const knocking = { opener, clock: this.clock, handshakeTimeoutMs: 10_000 };
    const session = await knock(link, knocking, (sealed) => new Session(sealed, options));
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
  return sent.map((message) => decodeFrame(visibleFrame(message), defaultFrameLimits));
}

export function tilesOf(link: MemoryLink): number[] {
  return framesOf(link).flatMap(({ type, id }) => (type === 'tile' ? [id] : []));
}

export function messagesOf(link: MemoryLink): ControlMessage[] {
  return framesOf(link).flatMap((frame) => (frame.type === 'control' ? [decodeControl(frame)] : []));
}
