import type { Link } from '../../device-agent/link.ts';
import { HearthError } from '../../runtime/error.ts';
import { closeCodeOf, closeReasonOf } from '../../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../../runtime/protocol/control.ts';
import { decodeFrame, handshakeFrameLimits } from '../../runtime/protocol/frame.ts';

/**
 * The coordinator's end of a link for tiles, so that they hold up nothing else. The device judges it by its silence,
 * since it is the device that can open another; here one only answers.
 */
export class TileLink {
  readonly #link: Link;

  /** @param onLost called once, when it has closed on either side */
  constructor(link: Link, onLost: () => void) {
    this.#link = link;
    link.onFrame = (message) => this.#receive(message);
    link.onClose = onLost;
  }

  get backlogBytes(): number {
    return this.#link.backlogBytes;
  }

  send(frame: Uint8Array): void {
    this.#link.send(frame);
  }

  close(code: number, reason: string): void {
    this.#link.close(code, reason);
  }

  #receive(message: Uint8Array): void {
    try {
      const frame = decodeFrame(message, handshakeFrameLimits);
      const control = frame.type === 'control' ? decodeControl(frame) : frame;
      if (control.type === 'ping') this.send(encodeControl({ type: 'pong', id: control.id }));
      else throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `a ${control.type} came on a link for tiles`);
    } catch (error) {
      const { code, message: reason } = HearthError.of(error, 'the link failed');
      this.#link.onFrame = () => {};
      this.close(closeCodeOf(code), closeReasonOf(reason));
    }
  }
}
