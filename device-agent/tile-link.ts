import { HearthError } from '../runtime/error.ts';
import { closeCodeOf, closeReasonOf, normalClose } from '../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../runtime/protocol/control.ts';
import { decodeFrame, type Frame, tileLinkFrameLimits } from '../runtime/protocol/frame.ts';
import { Liveness, type LivenessOptions } from '../runtime/protocol/liveness.ts';
import type { ControlMessage } from '../runtime/protocol/messages.ts';
import type { Cryptography } from '../runtime/secure/cryptography.ts';
import type { Clock } from './clock.ts';
import { attaching, knock, type SessionKey } from './knock.ts';
import type { Link } from './link.ts';

export interface TileLinkOptions {
  readonly cryptography: Cryptography;
  /** Of the session that it is for. */
  readonly key: SessionKey;
  readonly liveness: LivenessOptions;
  readonly handshakeTimeoutMs: number;
  readonly clock: Clock;
  /** Must not throw. */
  readonly onTile: (frame: Frame) => void;
  /** Called once. @param worked whether the coordinator had accepted the link */
  readonly onEnd: (worked: boolean, reason: string) => void;
}

const tickMs = 250;

/**
 * The device's end of a link for tiles, so that they hold up nothing else. Once both sides have proved that they know
 * the session, tiles and pings pass, and nothing else does.
 */
export class TileLink {
  readonly #options: TileLinkOptions;
  readonly #liveness: Liveness;
  #link: Link;
  #stopTicks = (): void => {};
  #state: 'knocking' | 'open' | 'closed' = 'knocking';

  /** @param link that has just opened, or is about to */
  constructor(link: Link, options: TileLinkOptions) {
    const { cryptography, key, clock, handshakeTimeoutMs } = options;
    this.#options = options;
    this.#link = link;
    this.#liveness = new Liveness(options.liveness, clock.nowMs());
    const opener = attaching(cryptography, key);
    knock(link, { opener, clock, handshakeTimeoutMs }, (sealed) => this.#opened(sealed)).catch(
      (error: HearthError) => this.#closed(error.message),
    );
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#link.close(normalClose, 'the session has ended');
    this.#closed('the session has ended');
  }

  #opened(sealed: Link): void {
    this.#link = sealed;
    this.#state = 'open';
    sealed.onFrame = (message) => this.#receive(message);
    sealed.onClose = (_, reason) => this.#closed(reason);
    this.#liveness.heard(this.#options.clock.nowMs());
    this.#stopTicks = this.#options.clock.every(tickMs, () => this.#tick());
  }

  #receive(message: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#liveness.heard(this.#options.clock.nowMs());
    try {
      const frame = decodeFrame(message, tileLinkFrameLimits);
      if (frame.type === 'control') this.#hear(decodeControl(frame));
      else if (frame.type === 'tile') this.#options.onTile(frame);
      else throw unexpected(frame.type);
    } catch (error) {
      this.#fail(HearthError.of(error, 'the link failed'));
    }
  }

  #hear(message: ControlMessage): void {
    if (message.type === 'ping') this.#send({ type: 'pong', id: message.id });
    else if (message.type !== 'pong') throw unexpected(message.type);
  }

  #tick(): void {
    const verdict = this.#liveness.verdict(this.#options.clock.nowMs());
    if (verdict === 'dead') this.#fail(new HearthError('LINK_TIMEOUT', 'the link has gone silent'));
    else if (verdict === 'ping') this.#send({ type: 'ping', id: 0 });
  }

  #fail({ code, message }: HearthError): void {
    this.#link.close(closeCodeOf(code), closeReasonOf(message));
    this.#closed(message);
  }

  #closed(reason: string): void {
    if (this.#state === 'closed') return;
    const worked = this.#state === 'open';
    this.#state = 'closed';
    this.#stopTicks();
    this.#options.onEnd(worked, reason);
  }

  #send(message: ControlMessage): void {
    this.#link.send(encodeControl(message));
  }
}

function unexpected(type: string): HearthError {
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `a ${type} came on a link for tiles`, { type });
}
