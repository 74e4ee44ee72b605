import type { Clock } from '../../device-agent/clock.ts';
import type { MeasureRequest } from '../../device-agent/probe/measure.ts';
import type { Member } from '../cluster/member.ts';
import type { Quiet } from './quiet.ts';

export interface MeasuringOptions {
  /** What devices compute with. */
  readonly request: Omit<MeasureRequest, 'fresh'>;
  readonly quiet: Quiet;
  readonly clock: Clock;
  /** Takes a device in, once it is measured. */
  readonly add: (member: Member) => void;
}

/** Who takes longer joins all the same; what it says later counts then. */
const answerMs = 4_000;
const tickMs = 1_000;
/** Without a step, before links are measured again. */
const quietMs = 2_000;
const linkPeriodMs = 60_000;

/**
 * Measures devices when they join, and again later: links from time to time, devices that have become slower or faster.
 * Only while no step runs and none waits, and it ends at once when one comes.
 */
export class Measuring {
  readonly #options: MeasuringOptions;
  /** Each with the time at which its link is to be measured again. */
  readonly #members = new Map<Member, number>();
  readonly #stop: () => void;
  #joined: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(options: MeasuringOptions) {
    const { quiet, clock } = options;
    this.#options = options;
    const stopTicks = clock.every(tickMs, () => void this.#lookAround());
    const stopListening = quiet.onBreak(() => this.#yield());
    this.#stop = () => {
      stopTicks();
      stopListening();
    };
  }

  /** Measures a device and takes it in, after all who joined before it. */
  join(member: Member): Promise<void> {
    this.#members.set(member, this.#options.clock.nowMs());
    const measured = this.#atMost(answerMs, this.#measureNew(member));
    this.#joined = Promise.all([this.#joined, measured]).then(() => this.#options.add(member));
    return this.#joined;
  }

  close(): void {
    this.#stop();
    this.#yield();
    this.#members.clear();
  }

  /** The link first: a device that measures itself is busy. */
  async #measureNew(member: Member): Promise<void> {
    if (this.#options.quiet.isQuiet) await this.#measureLink(member);
    await member.probe.measure({ ...this.#options.request, fresh: false });
  }

  async #measureLink(member: Member): Promise<void> {
    const { link } = member.probe;
    const { quiet, clock } = this.#options;
    if (link) await this.#atMost(answerMs, link.measure());
    link?.yield();
    // Who was interrupted comes first when it is quiet again.
    if (quiet.isQuiet) this.#members.set(member, clock.nowMs() + linkPeriodMs);
  }

  async #measureChanged({ probe }: Member): Promise<void> {
    const { quiet, request } = this.#options;
    await this.#atMost(answerMs, probe.measure({ ...request, fresh: true }));
    if (quiet.isQuiet) probe.drift.reset();
  }

  /** One device at a time. */
  async #lookAround(): Promise<void> {
    const { quiet, clock } = this.#options;
    if (this.#busy || quiet.lastsMs < quietMs) return;
    this.#busy = true;
    for (const [member, dueMs] of this.#members) {
      if (!member.isHere) this.#members.delete(member);
      else if (member.isIdle) {
        if (quiet.isQuiet && clock.nowMs() >= dueMs) await this.#measureLink(member);
        if (quiet.isQuiet && member.probe.drift.speed !== undefined) await this.#measureChanged(member);
      }
    }
    this.#busy = false;
  }

  #yield(): void {
    for (const { probe } of this.#members.keys()) probe.link?.yield();
  }

  #atMost(milliseconds: number, done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#options.clock.every(milliseconds, () => end());
      const end = (): void => {
        stop();
        resolve();
      };
      done.then(end);
    });
  }
}
