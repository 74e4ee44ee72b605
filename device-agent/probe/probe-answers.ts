import type { ControlMessage } from '../../runtime/protocol/messages.ts';
import {
  type BurstWanted,
  burstPieceBytes,
  type Measure,
  type ProbeMessage,
} from '../../runtime/protocol/probe-messages.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { unexpected } from '../session-options.ts';
import { type MeasureDevice, unknownRates } from './measure.ts';

export interface ProbeAnswersOptions {
  /** Without it this device cannot tell how fast it is. */
  readonly measure: MeasureDevice | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send: (message: ControlMessage) => void;
  /** Bytes that were sent and wait in this process. */
  readonly backlogBytes: () => number;
}

/** Of a burst, what may wait in this process: the rest is still ours to leave out when a step comes. */
const maxBacklogBytes = 4 * burstPieceBytes;
const refillMs = 1;

/** A device's answers to a coordinator that measures. Whatever concerns a rank ends them at once. */
export class ProbeAnswers {
  readonly #options: ProbeAnswersOptions;
  #measuring: AbortController | undefined;
  #stopBurst = (): void => {};

  constructor(options: ProbeAnswersOptions) {
    this.#options = options;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  answer(message: ProbeMessage): void {
    if (message.type === 'measure') void this.#measure(message);
    else if (message.type === 'burstWanted') this.#startBurst(message);
    // What a burst holds is nobody's: it is its arrival that counts, which a ping behind it asks for.
    else if (message.type !== 'burst') throw unexpected(message.type, 'joined');
  }

  /** There is something better to do. */
  yield(): void {
    this.#measuring?.abort();
    this.#stopBurst();
  }

  async #measure({ type: _, ...request }: Measure): Promise<void> {
    this.#measuring?.abort();
    const measuring = new AbortController();
    this.#measuring = measuring;
    const { measure, send, logger } = this.#options;
    try {
      const rates = (await measure?.(request, measuring.signal)) ?? unknownRates;
      send({ type: 'measured', ...rates });
    } catch (error) {
      if (!measuring.signal.aborted) logger.warn({ error }, 'this device could not be measured');
      send({ type: 'measured', ...unknownRates });
    } finally {
      if (this.#measuring === measuring) this.#measuring = undefined;
    }
  }

  #startBurst({ id, byteLength }: BurstWanted): void {
    this.#stopBurst();
    const { send, clock, backlogBytes } = this.#options;
    let leftBytes = byteLength;
    const sendPieces = (): void => {
      while (leftBytes > 0 && backlogBytes() < maxBacklogBytes) {
        const bytes = new Uint8Array(Math.min(leftBytes, burstPieceBytes));
        send({ type: 'burst', id, bytes });
        leftBytes -= bytes.length;
      }
      if (leftBytes === 0) this.#stopBurst();
    };
    this.#stopBurst = clock.every(refillMs, sendPieces);
    sendPieces();
  }
}
