import { HearthError } from '../runtime/error.ts';
import { encodeControl } from '../runtime/protocol/control.ts';
import { equalBytes, prologueOf, pskOf } from '../runtime/protocol/handshake.ts';
import type { Attach, Hello, Pair, Rejoin } from '../runtime/protocol/handshake-messages.ts';
import { type ControlMessage, protocolVersion } from '../runtime/protocol/messages.ts';
import type { Cryptography, KeyPair } from '../runtime/secure/cryptography.ts';
import { Handshake } from '../runtime/secure/handshake.ts';
import { attachingPattern, joiningPattern, pairingPattern } from '../runtime/secure/patterns.ts';
import type { Clock } from './clock.ts';
import { dialogue, outOfTurn } from './dialogue.ts';
import type { Link } from './link.ts';
import { sealedLink } from './sealed-link.ts';

/** What a device knows of itself and of whom it obeys. */
export interface Credentials {
  readonly own: KeyPair;
  /** Whether it has been paired with the coordinator of this key. */
  knows(coordinator: Uint8Array): boolean;
}

/** The handshake that a device begins when it has heard the hello. */
interface Opening {
  readonly handshake: Handshake;
  /** Says the handshake's first message. */
  readonly first: (handshake: Uint8Array) => Pair | Rejoin | Attach;
}
export type Opener = (hello: Hello, bytes: Uint8Array) => Opening;

export interface KnockOptions {
  readonly opener: Opener;
  /** Time in which the coordinator must have proved itself. */
  readonly handshakeTimeoutMs: number;
  readonly clock: Clock;
}

/**
 * The device's side of the handshake on a link that has just opened.
 * @param onOpen takes the link on which all else is said, and sets its handlers at once
 * @throws HearthError JOIN_REFUSED, DEVICE_NOT_PAIRED, SESSION_UNKNOWN as the coordinator says; HANDSHAKE_FAILED if it is
 *   not who it should be; COORDINATOR_UNKNOWN; JOIN_FAILED if the link closes; what `dialogue` throws
 */
export function knock<T>(
  link: Link,
  { opener, handshakeTimeoutMs, clock }: KnockOptions,
  onOpen: (sealed: Link, coordinator: Uint8Array) => T | Promise<T>,
): Promise<T> {
  const say = (message: ControlMessage): void => link.send(encodeControl(message));
  let hello: Hello | undefined;
  let handshake: Handshake | undefined;
  const options = {
    timeoutMs: handshakeTimeoutMs,
    clock,
    farewell: 'error',
    lost: 'JOIN_FAILED',
    silence: 'the coordinator did not finish the handshake in time',
  } as const;
  return dialogue(link, options, (message, bytes) => {
    if (message.type === 'hello' && !hello) {
      hello = message;
      const opening = opener(message, bytes);
      handshake = opening.handshake;
      say(opening.first(handshake.write()));
      return undefined;
    }
    if (message.type !== 'answer' || !hello || !handshake) throw outOfTurn(message.type);
    handshake.read(message.handshake);
    const { remoteStatic } = handshake;
    if (remoteStatic && !equalBytes(remoteStatic, hello.publicKey))
      throw new HearthError('HANDSHAKE_FAILED', 'the coordinator is not the one that it says');
    if (!handshake.isDone) say({ type: 'confirm', handshake: handshake.write() });
    return { result: onOpen(sealedLink(link, handshake.secured()), hello.publicKey) };
  }).then(({ result }) => result);
}

/**
 * To join: as who has been paired with this coordinator, or with the secret, to be.
 * @throws HearthError COORDINATOR_UNKNOWN if neither is there
 */
export function joining(
  cryptography: Cryptography,
  { own, knows }: Credentials,
  secret: string | undefined,
  softwareVersion: string,
): Opener {
  return ({ publicKey }, bytes) => {
    const versions = { protocolVersion, softwareVersion };
    const shared = { cryptography, initiator: true, own } as const;
    if (knows(publicKey)) {
      const prologue = prologueOf('rejoin', bytes);
      return {
        handshake: new Handshake({ ...shared, pattern: joiningPattern, prologue, remoteStatic: publicKey }),
        first: (handshake) => ({ type: 'rejoin', ...versions, handshake }),
      };
    }
    if (!secret) {
      throw new HearthError(
        'COORDINATOR_UNKNOWN',
        'this device is not paired with the coordinator there: join once with the line that hearth serve prints on it',
      );
    }
    const prologue = prologueOf('pair', bytes);
    return {
      handshake: new Handshake({ ...shared, pattern: pairingPattern, prologue, psk: pskOf(secret) }),
      first: (handshake) => ({ type: 'pair', ...versions, handshake }),
    };
  };
}

/** What both ends of a session know, and nobody else. */
export interface SessionKey {
  /** By which the coordinator finds it; no secret. */
  readonly session: Uint8Array;
  readonly tileKey: Uint8Array;
}

/** To attach a link for tiles to a session. */
export function attaching(cryptography: Cryptography, { session, tileKey }: SessionKey): Opener {
  return (_, bytes) => ({
    handshake: new Handshake({
      cryptography,
      pattern: attachingPattern,
      initiator: true,
      prologue: prologueOf('attach', bytes, session),
      psk: tileKey,
    }),
    first: (handshake) => ({ type: 'attach', session, handshake }),
  });
}
