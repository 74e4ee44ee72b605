import { HearthError } from '../runtime/error.ts';
import { closeCodeOf, closeReasonOf } from '../runtime/protocol/close-codes.ts';
import type { Secured } from '../runtime/secure/handshake.ts';
import { FrameOpener, FrameSealer } from '../runtime/secure/sealed-frames.ts';
import type { Link } from './link.ts';

/**
 * A link whose frames nobody but the two sides of a handshake can read or make. It takes over the handlers of the link
 * that it goes over. What does not belong there closes it, under the code of what is wrong.
 */
export function sealedLink(inner: Link, { sending, receiving }: Secured): Link {
  const sealer = new FrameSealer(sending);
  const opener = new FrameOpener(receiving);
  let isOver = false;

  const over = (code: number, reason: string): void => {
    if (isOver) return;
    isOver = true;
    link.onClose(code, reason);
  };
  const link: Link = {
    send: (frame) => {
      if (!isOver) inner.send(sealer.seal(frame));
    },
    get backlogBytes() {
      return inner.backlogBytes;
    },
    close: (code, reason) => inner.close(code, reason),
    onFrame: () => {},
    onClose: () => {},
  };
  inner.onFrame = (message) => {
    if (isOver) return;
    let frame: Uint8Array;
    try {
      frame = opener.open(message);
    } catch (error) {
      const { code, message: reason } = HearthError.of(error, 'the link failed');
      inner.close(closeCodeOf(code), closeReasonOf(reason));
      over(closeCodeOf(code), `${reason} (${code})`);
      return;
    }
    link.onFrame(frame);
  };
  inner.onClose = over;
  return link;
}
