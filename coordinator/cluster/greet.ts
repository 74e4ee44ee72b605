import { type Clock, systemClock } from '../../device-agent/clock.ts';
import { dialogue, outOfTurn } from '../../device-agent/dialogue.ts';
import type { Link } from '../../device-agent/link.ts';
import { sealedLink } from '../../device-agent/sealed-link.ts';
import { HearthError } from '../../runtime/error.ts';
import { encodeControl } from '../../runtime/protocol/control.ts';
import { nonceBytes, prologueOf, pskOf } from '../../runtime/protocol/handshake.ts';
import { type ControlMessage, protocolVersion } from '../../runtime/protocol/messages.ts';
import type { Cryptography, KeyPair } from '../../runtime/secure/cryptography.ts';
import { Handshake } from '../../runtime/secure/handshake.ts';
import { attachingPattern, joiningPattern, pairingPattern } from '../../runtime/secure/patterns.ts';

/** What a door must know of who may come in. */
export interface GuestList {
  readonly identity: KeyPair;
  /** With which new devices are paired. */
  readonly secret: string;
  /** Whether the device of this key has been paired, and not been revoked. */
  knows(device: Uint8Array): boolean;
}

/** What a link is for, once who is at its other end has proved it. */
export type Purpose =
  | { readonly type: 'join'; readonly device: Uint8Array; readonly isNew: boolean }
  | { readonly type: 'attach'; readonly session: Uint8Array };

export interface GreetOptions {
  readonly guests: GuestList;
  /** The secret of a session that is there. */
  readonly tileKeyOf: (session: Uint8Array) => Uint8Array | undefined;
  readonly cryptography: Cryptography;
  readonly softwareVersion: string;
  /** Time in which the device must have proved itself. */
  readonly handshakeTimeoutMs?: number;
  readonly clock?: Clock;
}

interface Opened {
  readonly handshake: Handshake;
  /** Of who began the handshake, as soon as that is done. */
  readonly purpose: () => Purpose;
}

/**
 * The coordinator's side of the handshake on a link that has just opened. A device that does not prove what it should
 * hears why, and the link is closed.
 * @param onOpen takes the link on which all else is said, and sets its handlers at once
 * @throws HearthError JOIN_REFUSED, DEVICE_NOT_PAIRED, SESSION_UNKNOWN, HANDSHAKE_FAILED, PROTOCOL_VERSION_MISMATCH,
 *   DEVICE_LOST, and what `dialogue` throws
 */
export function greet<T>(
  link: Link,
  options: GreetOptions,
  onOpen: (sealed: Link, purpose: Purpose) => T | Promise<T>,
): Promise<T> {
  const { guests, cryptography, softwareVersion, handshakeTimeoutMs = 10_000, clock = systemClock } = options;
  const { publicKey } = guests.identity;
  const nonce = cryptography.random(nonceBytes);
  const hello = encodeControl({ type: 'hello', protocolVersion, softwareVersion, publicKey, nonce });
  let opened: Opened | undefined;
  const talk = {
    timeoutMs: handshakeTimeoutMs,
    clock,
    farewell: 'refused',
    lost: 'DEVICE_LOST',
    silence: 'the device did not introduce itself',
  } as const;
  const greeted = dialogue(link, talk, (message) => {
    if (opened) {
      if (message.type !== 'confirm') throw outOfTurn(message.type);
      opened.handshake.read(message.handshake);
    } else {
      opened = open(message, hello, options);
      link.send(encodeControl({ type: 'answer', handshake: opened.handshake.write() }));
    }
    const { handshake, purpose } = opened;
    if (!handshake.isDone) return undefined;
    return { result: onOpen(sealedLink(link, handshake.secured()), purpose()) };
  });
  link.send(hello);
  return greeted.then(({ result }) => result);
}

/** Reads the first message of a handshake, and judges who sent it. */
function open(message: ControlMessage, hello: Uint8Array, options: GreetOptions): Opened {
  const { guests, cryptography } = options;
  const shared = { cryptography, initiator: false, own: guests.identity } as const;
  if (message.type === 'pair') {
    const prologue = prologueOf('pair', hello);
    const psk = pskOf(guests.secret);
    const handshake = new Handshake({ ...shared, pattern: pairingPattern, prologue, psk });
    readPairing(handshake, message.handshake);
    return { handshake, purpose: () => ({ type: 'join', device: handshake.remoteStatic!, isNew: true }) };
  }
  if (message.type === 'rejoin') {
    const handshake = new Handshake({
      ...shared,
      pattern: joiningPattern,
      prologue: prologueOf('rejoin', hello),
    });
    handshake.read(message.handshake);
    const device = handshake.remoteStatic!;
    if (!guests.knows(device)) throw notPaired();
    return { handshake, purpose: () => ({ type: 'join', device, isNew: false }) };
  }
  if (message.type !== 'attach') throw outOfTurn(message.type);
  const { session } = message;
  const psk = options.tileKeyOf(session);
  if (!psk) throw new HearthError('SESSION_UNKNOWN', 'there is no such session, or no longer');
  const prologue = prologueOf('attach', hello, session);
  const handshake = new Handshake({
    cryptography,
    initiator: false,
    pattern: attachingPattern,
    prologue,
    psk,
  });
  handshake.read(message.handshake);
  return { handshake, purpose: () => ({ type: 'attach', session }) };
}

function readPairing(handshake: Handshake, message: Uint8Array): void {
  try {
    handshake.read(message);
  } catch (error) {
    const reason =
      'the secret is not the one of this cluster: join with the line that hearth serve prints now';
    throw new HearthError('JOIN_REFUSED', reason, {}, error);
  }
}

export function notPaired(): HearthError {
  return new HearthError(
    'DEVICE_NOT_PAIRED',
    'this device is not, or no longer, paired with the coordinator: join with the line that hearth serve prints',
  );
}
