import { type Clock, once } from '../../device-agent/clock.ts';
import type { MeasureRequest } from '../../device-agent/probe/measure.ts';
import type { LinkProfile } from '../../runtime/plan/profiles.ts';
import type { Member } from '../cluster/member.ts';
import type { Quiet } from './quiet.ts';

export interface MeasuringOptions {
  /** What devices compute with. */
  readonly request: Omit<MeasureRequest, 'fresh'>;
  readonly quiet: Quiet;
  readonly clock: Clock;
  /** Time after which a link is measured again. */
  readonly linkPeriodMs?: number;
  /** Takes a device in, once it is measured. */
  readonly add: (member: Member) => void;
  /** A device has become slower than when its present work began. */
  readonly onSlowed?: (member: Member) => void;
  /** Something else is known of a device that was taken in. */
  readonly onChanged?: () => void;
}

/** Who takes longer joins all the same; what it says later counts then. */
const answerMs = 4_000;
const tickMs = 1_000;
/** A link that was known before is measured when its device has its tiles, about. */
const knownMs = 10_000;
/** Without a step, before links are measured again. */
const quietMs = 2_000;
const defaultLinkPeriodMs = 300_000;

/**
 * Measures devices when they join, and again later: links from time to time, devices that have become slower or faster.
 * Who is in the cluster is measured only while no step runs and none waits, and that ends at once when one comes; where
 * there is always a step, those tell. Who is not yet is on the way of no step: without a measurement it would never be.
 */
export class Measuring {
  readonly #options: MeasuringOptions;
  /** Each with the time from which its link is to be measured again: none while it is. */
  readonly #members = new Map<Member, number>();
  /** Those that are not taken in yet. */
  readonly #newcomers = new Set<Member>();
  /** What was measured last, by who the device is. */
  readonly #links = new Map<string, LinkProfile>();
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
    this.#members.set(member, Number.POSITIVE_INFINITY);
    this.#newcomers.add(member);
    const measured = this.#measureNew(member).then(() => {
      if (!this.#newcomers.has(member)) this.#changed();
    });
    this.#joined = Promise.all([this.#joined, this.#atMost(answerMs, measured)]).then(() => {
      this.#newcomers.delete(member);
      this.#options.add(member);
    });
    return this.#joined;
  }

  close(): void {
    this.#stop();
    this.#newcomers.clear();
    this.#yield();
    this.#members.clear();
  }

  /** The link first: a device that measures itself is busy. Who comes back has the link that it had, for now. */
  async #measureNew(member: Member): Promise<void> {
    const { quiet, request, clock } = this.#options;
    const wasQuiet = quiet.isQuiet;
    const known = this.#links.get(member.info.identity);
    if (known) member.probe.link?.recall(known);
    else await this.#measureLink(member);
    await member.probe.measure({ ...request, fresh: false });
    // What was known may be so no longer, what steps slowed down never was: it is looked at again once there are none.
    if (known) this.#members.set(member, clock.nowMs() + knownMs);
    else if (!wasQuiet) this.#members.set(member, clock.nowMs());
  }

  async #measureLink(member: Member): Promise<void> {
    const { link } = member.probe;
    const { clock, linkPeriodMs = defaultLinkPeriodMs } = this.#options;
    this.#members.set(member, Number.POSITIVE_INFINITY);
    const isWhole = link && (await this.#atMost(answerMs, link.measure()));
    link?.yield();
    if (isWhole) this.#links.set(member.info.identity, link!.profile!);
    // Who was interrupted comes first when it is quiet again.
    this.#members.set(member, clock.nowMs() + (isWhole === false ? 0 : linkPeriodMs));
  }

  /** Until a device can measure itself, it is as fast as its steps say. */
  async #measureDrifted(member: Member): Promise<void> {
    const { probe } = member;
    if ((probe.drift.speed ?? 1) < 1) this.#options.onSlowed?.(member);
    probe.adoptDrift();
    if (!this.#isLongQuiet) return;
    await this.#atMost(answerMs, probe.measure({ ...this.#options.request, fresh: true }));
    probe.forgetDrift();
  }

  get #isLongQuiet(): boolean {
    return this.#options.quiet.lastsMs >= quietMs;
  }

  /** One device at a time. */
  async #lookAround(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    let hasChanged = false;
    for (const [member, dueMs] of this.#members) {
      if (!member.isHere) this.#members.delete(member);
      else if (this.#isLongQuiet && member.isIdle && this.#options.clock.nowMs() >= dueMs) {
        await this.#measureLink(member);
        hasChanged = true;
      }
      if (member.probe.drift.speed === undefined && !(this.#isLongQuiet && member.probe.hasDrifted)) continue;
      await this.#measureDrifted(member);
      hasChanged = true;
    }
    this.#busy = false;
    if (hasChanged) this.#changed();
  }

  #changed(): void {
    this.#options.onChanged?.();
  }

  #yield(): void {
    for (const member of this.#members.keys()) if (!this.#newcomers.has(member)) member.probe.link?.yield();
  }

  /** @returns undefined if it takes longer */
  #atMost<T>(milliseconds: number, done: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve) => {
      const end = (result?: T): void => {
        stop();
        resolve(result);
      };
      const stop = once(this.#options.clock, milliseconds, end);
      done.then(end);
    });
  }
}
