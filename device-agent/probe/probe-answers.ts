import type { Measure, ProbeMessage } from '../../runtime/protocol/probe-messages.ts';
import type { Logger } from '../logger.ts';
import { unexpected } from '../session-options.ts';
import { BurstSender, type ProbedLink } from './burst-sender.ts';
import { type MeasureDevice, unknownRates } from './measure.ts';

export interface ProbeAnswersOptions extends ProbedLink {
  /** Without it this device cannot tell how fast it is. */
  readonly measure: MeasureDevice | undefined;
  readonly logger: Logger;
}

/** A device's answers to a coordinator that measures. Whatever concerns a rank ends them at once. */
export class ProbeAnswers {
  readonly #options: ProbeAnswersOptions;
  #measuring: AbortController | undefined;
  readonly #bursts: BurstSender;

  constructor(options: ProbeAnswersOptions) {
    this.#options = options;
    this.#bursts = new BurstSender(options);
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  answer(message: ProbeMessage): void {
    if (message.type === 'measure') void this.#measure(message);
    else if (message.type === 'burstWanted') this.#bursts.start(message.id, message.byteLength);
    // What a burst holds is nobody's: it is its arrival that counts, which a ping behind it asks for.
    else if (message.type !== 'burst') throw unexpected(message.type, 'joined');
  }

  /** There is something better to do. */
  yield(): void {
    this.#measuring?.abort();
    this.#bursts.stop();
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
}
