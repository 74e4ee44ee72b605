import { systemClock } from '../../device-agent/clock.ts';
import type { Link } from '../../device-agent/link.ts';
import { HearthError } from '../../runtime/error.ts';
import { closeCodeOf, closeReasonOf } from '../../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { errorOf, reportOf } from '../../runtime/protocol/error-report.ts';
import { decodeFrame, handshakeFrameLimits } from '../../runtime/protocol/frame.ts';
import { equalBytes, proofOf } from '../../runtime/protocol/handshake.ts';
import { type Join, protocolVersion } from '../../runtime/protocol/messages.ts';
import { type LinkKind, Member, type MemberOptions } from './member.ts';

export interface AdmitOptions extends MemberOptions {
  readonly secret: string;
  readonly softwareVersion: string;
  readonly linkKind: LinkKind;
  /** 32 random bytes, new for each link. */
  readonly nonce: Uint8Array;
  /** Time in which the device must have proved itself. */
  readonly handshakeTimeoutMs?: number;
}

/**
 * The coordinator's side of the handshake on a link that has just opened. Until the device has proved that it
 * knows the secret, it may say only that; if it does not, it hears why and the link is closed.
 * @throws HearthError JOIN_REFUSED, PROTOCOL_VERSION_MISMATCH, LINK_TIMEOUT, DEVICE_LOST, FRAME_*
 */
export function admit(link: Link, options: AdmitOptions): Promise<Member> {
  const { secret, softwareVersion, nonce, linkKind } = options;
  const clock = options.clock ?? systemClock;
  const timeoutMs = options.handshakeTimeoutMs ?? 10_000;
  const endMs = clock.nowMs() + timeoutMs;
  return new Promise((resolve, reject) => {
    const refuse = (error: HearthError): void => {
      stopTicks();
      link.onFrame = () => {};
      link.send(encodeControl({ type: 'refused', ...reportOf(error) }));
      link.close(closeCodeOf(error.code), closeReasonOf(error.message));
      reject(error);
    };
    const stopTicks = clock.every(Math.min(250, timeoutMs), () => {
      if (clock.nowMs() >= endMs)
        refuse(new HearthError('LINK_TIMEOUT', 'the device did not introduce itself'));
    });
    link.onClose = (_, reason) => {
      stopTicks();
      reject(new HearthError('DEVICE_LOST', reason || 'the device left before it had joined'));
    };
    link.onFrame = (message) => {
      try {
        const join = readJoin(message, secret, nonce);
        stopTicks();
        const { name, capabilities } = join;
        const info = { name, capabilities, softwareVersion: join.softwareVersion, link: linkKind };
        link.send(encodeControl({ type: 'welcome', mac: proofOf('welcome', secret, nonce, join.nonce) }));
        resolve(new Member(link, info, options));
      } catch (error) {
        refuse(
          error instanceof HearthError
            ? error
            : new HearthError('INTERNAL', 'the handshake failed', {}, error),
        );
      }
    };
    link.send(encodeControl({ type: 'hello', protocolVersion, softwareVersion, nonce }));
  });
}

function readJoin(message: Uint8Array, secret: string, helloNonce: Uint8Array): Join {
  const frame = decodeFrame(message, handshakeFrameLimits);
  if (frame.type !== 'control') throw unexpected(frame.type);
  const join = decodeControl(frame);
  if (join.type === 'error') throw errorOf(join);
  if (join.type !== 'join') throw unexpected(join.type);
  if (equalBytes(join.mac, proofOf('join', secret, helloNonce, join.nonce))) return join;
  throw new HearthError('JOIN_REFUSED', 'the secret is not the one of this cluster', { name: join.name });
}

function unexpected(type: string): HearthError {
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `a ${type} message came where a join was due`, {
    type,
  });
}
