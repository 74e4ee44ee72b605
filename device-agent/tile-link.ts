import { HearthError } from '../runtime/error.ts';
import { closeCodeOf, closeReasonOf, normalClose } from '../runtime/protocol/close-codes.ts';
import { decodeControl, encodeControl } from '../runtime/protocol/control.ts';
import { errorOf } from '../runtime/protocol/error-report.ts';
import {
  decodeFrame,
  type Frame,
  handshakeFrameLimits,
  tileLinkFrameLimits,
} from '../runtime/protocol/frame.ts';
import { equalBytes, proofOf } from '../runtime/protocol/handshake.ts';
import { Liveness, type LivenessOptions } from '../runtime/protocol/liveness.ts';
import type { ControlMessage } from '../runtime/protocol/messages.ts';
import type { Clock } from './clock.ts';
import type { Link } from './link.ts';

export interface TileLinkOptions {
  readonly secret: string;
  /** The nonce with which the session joined. */
  readonly session: Uint8Array;
  /** 32 random bytes, new for each link. */
  readonly nonce: Uint8Array;
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
 * the secret and the session, tiles and pings pass, and nothing else does.
 */
export class TileLink {
  readonly #link: Link;
  readonly #options: TileLinkOptions;
  readonly #liveness: Liveness;
  readonly #handshakeEndMs: number;
  readonly #stopTicks: () => void;
  #state: 'awaiting-hello' | 'awaiting-proof' | 'open' | 'closed' = 'awaiting-hello';
  #helloNonce: Uint8Array = new Uint8Array();

  constructor(link: Link, options: TileLinkOptions) {
    this.#link = link;
    this.#options = options;
    const nowMs = options.clock.nowMs();
    this.#liveness = new Liveness(options.liveness, nowMs);
    this.#handshakeEndMs = nowMs + options.handshakeTimeoutMs;
    link.onFrame = (message) => this.#receive(message);
    link.onClose = (_, reason) => this.#closed(reason);
    this.#stopTicks = options.clock.every(tickMs, () => this.#tick());
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#link.close(normalClose, 'the session has ended');
    this.#closed('the session has ended');
  }

  #receive(message: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#liveness.heard(this.#options.clock.nowMs());
    try {
      const frame = decodeFrame(message, this.#state === 'open' ? tileLinkFrameLimits : handshakeFrameLimits);
      if (frame.type === 'control') this.#hear(decodeControl(frame));
      else if (frame.type === 'tile' && this.#state === 'open') this.#options.onTile(frame);
      else throw unexpected(frame.type);
    } catch (error) {
      this.#fail(HearthError.of(error, 'the link failed'));
    }
  }

  #hear(message: ControlMessage): void {
    if (message.type === 'refused') throw errorOf(message);
    if (this.#state === 'awaiting-hello' && message.type === 'hello') this.#attach(message.nonce);
    else if (this.#state === 'awaiting-proof' && message.type === 'attached') this.#attached(message.mac);
    else if (this.#state === 'open' && message.type === 'ping') this.#send({ type: 'pong', id: message.id });
    else if (this.#state !== 'open' || message.type !== 'pong') throw unexpected(message.type);
  }

  #attach(helloNonce: Uint8Array): void {
    const { secret, nonce, session } = this.#options;
    this.#helloNonce = helloNonce;
    this.#state = 'awaiting-proof';
    this.#send({
      type: 'attach',
      session,
      nonce,
      mac: proofOf('attach', secret, helloNonce, nonce, session),
    });
  }

  #attached(mac: Uint8Array): void {
    const { secret, nonce, session } = this.#options;
    if (!equalBytes(mac, proofOf('attached', secret, this.#helloNonce, nonce, session)))
      throw new HearthError('JOIN_REFUSED', 'the coordinator did not prove that it knows the secret');
    this.#state = 'open';
  }

  #tick(): void {
    const nowMs = this.#options.clock.nowMs();
    const verdict = this.#liveness.verdict(nowMs);
    if (this.#state !== 'open' && nowMs >= this.#handshakeEndMs)
      this.#fail(new HearthError('LINK_TIMEOUT', 'the coordinator did not finish the handshake in time'));
    else if (verdict === 'dead') this.#fail(new HearthError('LINK_TIMEOUT', 'the link has gone silent'));
    else if (verdict === 'ping' && this.#state === 'open') this.#send({ type: 'ping', id: 0 });
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
