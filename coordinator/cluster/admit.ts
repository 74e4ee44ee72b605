import { systemClock } from '../../device-agent/clock.ts';
import { dialogue, outOfTurn } from '../../device-agent/dialogue.ts';
import type { SessionKey } from '../../device-agent/knock.ts';
import type { Link } from '../../device-agent/link.ts';
import { nodeCryptography } from '../../device-agent/node/node-cryptography.ts';
import { encodeControl } from '../../runtime/protocol/control.ts';
import { sessionBytes } from '../../runtime/protocol/handshake.ts';
import type { Join } from '../../runtime/protocol/messages.ts';
import { keyBytes } from '../../runtime/secure/cryptography.ts';
import { type LinkKind, Member, type MemberInfo, type MemberOptions } from './member.ts';

export interface AdmitOptions extends MemberOptions {
  readonly linkKind: LinkKind;
  /** Time in which the device must have said who it is. */
  readonly handshakeTimeoutMs?: number;
  /** Who it has proved to be; by default who it says. */
  readonly proven?: Pick<MemberInfo, 'identity' | 'isNew'>;
  /** Told before the device is welcomed; what it throws refuses the device. */
  readonly onJoin?: (join: Join, key: SessionKey) => void;
}

/**
 * Takes in a device over a link that nobody else can get at.
 * @throws HearthError what `onJoin` throws, and what `dialogue` throws
 */
export function admit(link: Link, options: AdmitOptions): Promise<Member> {
  const { linkKind, clock = systemClock, handshakeTimeoutMs = 10_000, proven, onJoin } = options;
  const talk = {
    timeoutMs: handshakeTimeoutMs,
    clock,
    farewell: 'refused',
    lost: 'DEVICE_LOST',
    silence: 'the device did not join',
  } as const;
  return dialogue(link, talk, (join) => {
    if (join.type !== 'join') throw outOfTurn(join.type);
    const { name, capabilities, softwareVersion } = join;
    const key = {
      session: nodeCryptography.random(sessionBytes),
      tileKey: nodeCryptography.random(keyBytes),
    };
    onJoin?.(join, key);
    link.send(encodeControl({ type: 'welcome', ...key }));
    const told = { name, capabilities, softwareVersion, link: linkKind, session: key.session };
    return new Member(link, { ...told, ...(proven ?? { identity: name, isNew: false }) }, options);
  });
}
