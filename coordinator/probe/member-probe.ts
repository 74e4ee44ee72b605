import type { ProbedLink } from '../../device-agent/probe/burst-sender.ts';
import { type MeasureRequest, scaledRates } from '../../device-agent/probe/measure.ts';
import { HearthError } from '../../runtime/error.ts';
import type { Frame } from '../../runtime/protocol/frame.ts';
import type { Pong } from '../../runtime/protocol/messages.ts';
import type { DeviceRates, ProbeMessage } from '../../runtime/protocol/probe-messages.ts';
import { Drift } from './drift.ts';
import { LinkProbe } from './link-probe.ts';
import { StepTimes, type StepTotals } from './step-times.ts';

/** All that is measured of one member: what it says of itself, its link, and its steps. */
export class MemberProbe {
  /** Undefined where there is nothing between the member and this process. */
  readonly link: LinkProbe | undefined;
  readonly drift = new Drift();
  readonly #link: ProbedLink;
  readonly #stepTimes = new StepTimes();
  #rates: DeviceRates | undefined;
  #hasDrifted = false;
  /** Those that wait for answers, in order. */
  #asked: ((hasTold: boolean) => void)[] = [];

  constructor(link: ProbedLink, isLocal: boolean) {
    this.#link = link;
    this.link = isLocal ? undefined : new LinkProbe(link);
  }

  /** What the device said last, 0 for what it could not tell; undefined before. */
  get rates(): DeviceRates | undefined {
    return this.#rates;
  }

  /** @returns whether the device has told how fast it is: it may be busy, unable, or gone */
  measure(request: MeasureRequest): Promise<boolean> {
    return new Promise((resolve) => {
      this.#asked.push(resolve);
      this.#link.send({ type: 'measure', ...request });
    });
  }

  /** From now on the device is as fast as its last steps were, rather than as it said. */
  adoptDrift(): void {
    const { speed } = this.drift;
    if (speed === undefined) return;
    this.#hasDrifted = true;
    if (this.#rates) this.#rates = scaledRates(this.#rates, speed);
    this.drift.reset();
  }

  /** Whether it should be asked anew how fast it is. */
  get hasDrifted(): boolean {
    return this.#hasDrifted;
  }

  /** It has been asked. */
  forgetDrift(): void {
    this.#hasDrifted = false;
    this.drift.reset();
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE */
  hear(message: ProbeMessage | Pong): void {
    if (message.type === 'pong') this.link?.pong(message);
    else if (message.type === 'burst' && this.link) this.link.burst(message);
    else if (message.type === 'measured' && this.#asked.length > 0) this.#measured(message);
    else throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `nobody asked for a ${message.type} message`);
  }

  /** Of all steps since it joined. */
  get totals(): StepTotals {
    return { ...this.#stepTimes.totals };
  }

  /** A frame for its rank. */
  sent(frame: Uint8Array): void {
    this.#stepTimes.sent(frame, this.#link.clock.nowMs());
  }

  received(frame: Frame): void {
    const nowMs = this.#link.clock.nowMs();
    const step = this.#stepTimes.received(frame, nowMs);
    if (step) this.drift.note(step, nowMs);
  }

  /** The member is gone. */
  end(): void {
    this.link?.yield();
    for (const resolve of this.#asked.splice(0)) resolve(false);
  }

  #measured({ type: _, ...rates }: DeviceRates & { readonly type: 'measured' }): void {
    const hasTold = Object.keys(rates.kernels).length > 0;
    if (hasTold || !this.#rates) this.#rates = rates;
    this.#asked.shift()!(hasTold);
  }
}
