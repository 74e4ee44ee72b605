import { type Clock, systemClock } from '../../device-agent/clock.ts';
import type { Link } from '../../device-agent/link.ts';
import { HearthError } from '../../runtime/error.ts';
import { closeCodeOf, closeReasonOf } from '../../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { errorOf, reportOf } from '../../runtime/protocol/error-report.ts';
import { decodeFrame, handshakeFrameLimits } from '../../runtime/protocol/frame.ts';
import { type ControlMessage, protocolVersion } from '../../runtime/protocol/messages.ts';

export interface GreetOptions {
  readonly softwareVersion: string;
  /** 32 random bytes, new for each link. */
  readonly nonce: Uint8Array;
  /** Time in which the device must have proved itself. */
  readonly handshakeTimeoutMs?: number;
  readonly clock?: Clock;
}

/**
 * The coordinator's side of the handshake on a link that has just opened. Until the device has proved that it
 * knows the secret, it may say only that; if it does not, it hears why and the link is closed.
 * @param take judges the device's first message: it throws, or has set the link's handlers when it returns
 * @throws HearthError PROTOCOL_VERSION_MISMATCH, LINK_TIMEOUT, DEVICE_LOST, FRAME_*, or what `take` throws
 */
export function greet<T>(
  link: Link,
  { softwareVersion, nonce, handshakeTimeoutMs = 10_000, clock = systemClock }: GreetOptions,
  take: (message: ControlMessage) => T,
): Promise<T> {
  const endMs = clock.nowMs() + handshakeTimeoutMs;
  return new Promise((resolve, reject) => {
    const refuse = (error: HearthError): void => {
      stopTicks();
      link.onFrame = () => {};
      link.send(encodeControl({ type: 'refused', ...reportOf(error) }));
      link.close(closeCodeOf(error.code), closeReasonOf(error.message));
      reject(error);
    };
    const stopTicks = clock.every(Math.min(250, handshakeTimeoutMs), () => {
      if (clock.nowMs() >= endMs)
        refuse(new HearthError('LINK_TIMEOUT', 'the device did not introduce itself'));
    });
    link.onClose = (_, reason) => {
      stopTicks();
      reject(new HearthError('DEVICE_LOST', reason || 'the device left before it had joined'));
    };
    link.onFrame = (message) => {
      try {
        resolve(take(readFirst(message)));
        stopTicks();
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

function readFirst(message: Uint8Array): ControlMessage {
  const frame = decodeFrame(message, handshakeFrameLimits);
  if (frame.type !== 'control') throw unexpectedFirst(frame.type);
  const first = decodeControl(frame);
  if (first.type === 'error') throw errorOf(first);
  return first;
}

export function unexpectedFirst(type: string): HearthError {
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `a ${type} message came where a join was due`, {
    type,
  });
}
