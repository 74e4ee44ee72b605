import { type ErrorCode, HearthError } from '../runtime/error.ts';
import { closeCodeOf, closeReasonOf } from '../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../runtime/protocol/control.ts';
import { errorOf, reportOf } from '../runtime/protocol/error-report.ts';
import { decodeFrame, handshakeFrameLimits } from '../runtime/protocol/frame.ts';
import type { ControlMessage } from '../runtime/protocol/messages.ts';
import type { Clock } from './clock.ts';
import type { Link } from './link.ts';

export interface DialogueOptions {
  /** In which it must have come to its end. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** What this side says when it is not content, before it closes the link. */
  readonly farewell: 'refused' | 'error';
  /** What it is when the link closes first. */
  readonly lost: ErrorCode;
  /** What there is to say of a peer who says nothing. */
  readonly silence: string;
}

/**
 * Talks with a peer who has proved nothing yet: in small control messages, for a short time.
 * @param hear takes what the peer says, with its bytes, and answers what came of it, or nothing if there is more to
 *   hear. When it answers it has set the link's handlers; what it throws ends the link
 * @throws HearthError LINK_TIMEOUT, FRAME_*, PROTOCOL_*, what the peer reports, and what `hear` throws
 */
export function dialogue<T>(
  link: Link,
  { timeoutMs, clock, farewell, lost, silence }: DialogueOptions,
  hear: (message: ControlMessage, bytes: Uint8Array) => T | undefined,
): Promise<T> {
  const endMs = clock.nowMs() + timeoutMs;
  return new Promise((resolve, reject) => {
    const end = (error: HearthError): void => {
      stopTicks();
      link.onFrame = () => {};
      link.close(closeCodeOf(error.code), closeReasonOf(error.message));
      reject(error);
    };
    const fail = (error: HearthError): void => {
      link.send(encodeControl({ type: farewell, ...reportOf(error) }));
      end(error);
    };
    const stopTicks = clock.every(Math.min(250, timeoutMs), () => {
      if (clock.nowMs() >= endMs) fail(new HearthError('LINK_TIMEOUT', silence));
    });
    link.onClose = (_, reason) => {
      stopTicks();
      reject(new HearthError(lost, reason || 'the link was closed during the handshake'));
    };
    link.onFrame = (bytes) => {
      try {
        const message = readControl(bytes);
        if (message.type === 'refused' || message.type === 'error') return end(errorOf(message));
        const result = hear(message, bytes);
        if (result === undefined) return;
        stopTicks();
        resolve(result);
      } catch (error) {
        fail(HearthError.of(error, 'the handshake failed'));
      }
    };
  });
}

function readControl(bytes: Uint8Array): ControlMessage {
  const frame = decodeFrame(bytes, handshakeFrameLimits);
  if (frame.type === 'control') return decodeControl(frame);
  throw outOfTurn(frame.type);
}

/** The error of a message that has no place where a handshake stands. */
export function outOfTurn(type: string): HearthError {
  const message = `a ${type} message came where the handshake wanted another`;
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', message, { type });
}
