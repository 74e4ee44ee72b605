import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import { burstPieceBytes } from '../../runtime/protocol/probe-messages.ts';
import type { Clock } from '../clock.ts';

/** A link as who measures it sees it. */
export interface ProbedLink {
  readonly clock: Clock;
  readonly send: (message: ControlMessage) => void;
  /** Bytes that were sent and wait in this process. */
  readonly backlogBytes: () => number;
}

/**
 * Of a burst, what may wait in this process: the rest is still ours to leave out when a step comes. Looked at so often,
 * that is enough for 250 MB a second.
 */
const maxBacklogBytes = 4 * burstPieceBytes;
const refillMs = 1;

/** Sends bytes without meaning, one burst at a time, as fast as a link takes them. */
export class BurstSender {
  readonly #link: ProbedLink;
  #stop = (): void => {};

  constructor(link: ProbedLink) {
    this.#link = link;
  }

  /** @param onSent all has been handed to the link */
  start(id: number, byteLength: number, onSent = () => {}): void {
    this.stop();
    const { clock, send, backlogBytes } = this.#link;
    let leftBytes = byteLength;
    const sendPieces = (): void => {
      while (leftBytes > 0 && backlogBytes() < maxBacklogBytes) {
        const bytes = new Uint8Array(Math.min(leftBytes, burstPieceBytes));
        send({ type: 'burst', id, bytes });
        leftBytes -= bytes.length;
      }
      if (leftBytes > 0) return;
      this.stop();
      onSent();
    };
    this.#stop = clock.every(refillMs, sendPieces);
    sendPieces();
  }

  /** Nothing more of the burst is sent. */
  stop(): void {
    this.#stop();
  }
}
