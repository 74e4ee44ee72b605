import type { Link } from '../../device-agent/link.ts';
import { HearthError } from '../../runtime/error.ts';
import { encodeControl } from '../../runtime/protocol/control.ts';
import { equalBytes, proofOf } from '../../runtime/protocol/handshake.ts';
import type { Attach, Join } from '../../runtime/protocol/messages.ts';
import { type GreetOptions, greet, unexpectedFirst } from './greet.ts';
import { type LinkKind, Member, type MemberOptions } from './member.ts';

export interface AdmitOptions extends GreetOptions, MemberOptions {
  readonly secret: string;
  readonly linkKind: LinkKind;
}

/**
 * Lets a device join on a link that has just opened.
 * @throws HearthError JOIN_REFUSED, and what `greet` throws
 */
export function admit(link: Link, options: AdmitOptions): Promise<Member> {
  return greet(link, options, (message) => {
    if (message.type !== 'join') throw unexpectedFirst(message.type);
    return welcome(link, message, options);
  });
}

/**
 * Lets a device join on a link that has just opened, or attach the link to its session for tiles.
 * @param members those whose sessions may get such a link
 * @returns the member, if it is a new one
 * @throws HearthError JOIN_REFUSED, and what `greet` throws
 */
export function admitOrAttach(
  link: Link,
  options: AdmitOptions,
  members: Iterable<Member>,
): Promise<Member | undefined> {
  return greet(link, options, (message) => {
    if (message.type === 'join') return welcome(link, message, options);
    if (message.type !== 'attach') throw unexpectedFirst(message.type);
    attach(link, message, options, members);
    return undefined;
  });
}

function welcome(link: Link, join: Join, options: AdmitOptions): Member {
  const { secret, nonce, linkKind } = options;
  const { name, capabilities, softwareVersion } = join;
  if (!equalBytes(join.mac, proofOf('join', secret, nonce, join.nonce)))
    throw new HearthError('JOIN_REFUSED', 'the secret is not the one of this cluster', { name });
  link.send(encodeControl({ type: 'welcome', mac: proofOf('welcome', secret, nonce, join.nonce) }));
  const info = { name, capabilities, softwareVersion, link: linkKind, session: join.nonce };
  return new Member(link, info, options);
}

function attach(
  link: Link,
  { session, nonce, mac }: Attach,
  { secret, nonce: helloNonce }: AdmitOptions,
  members: Iterable<Member>,
): void {
  const nonces = [helloNonce, nonce, session] as const;
  if (!equalBytes(mac, proofOf('attach', secret, ...nonces)))
    throw new HearthError('JOIN_REFUSED', 'the secret is not the one of this cluster');
  const member = [...members].find(({ isHere, info }) => isHere && equalBytes(info.session, session));
  if (!member) throw new HearthError('JOIN_REFUSED', 'there is no such session');
  link.send(encodeControl({ type: 'attached', mac: proofOf('attached', secret, ...nonces) }));
  member.takeTileLink(link);
}
