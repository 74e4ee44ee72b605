import { BurstSender, type ProbedLink } from '../../device-agent/probe/burst-sender.ts';
import { HearthError } from '../../runtime/error.ts';
import type { LinkProfile } from '../../runtime/plan/profiles.ts';
import type { Pong } from '../../runtime/protocol/messages.ts';
import { type Burst, burstPieceBytes, maxBurstBytes } from '../../runtime/protocol/probe-messages.ts';
import { RoundTrips } from './round-trips.ts';

/** Of one measurement. The first of them find code that was never run, and count for nothing. */
const pings = 8;
const firstPings = 3;
/**
 * A burst that takes so long tells the rate, and as many round trips as TCP needs to find it; one that is shorter is
 * followed by one of twice the bytes. It takes two: one may have met with anything.
 */
const enoughMs = 30;
const enoughRoundTrips = 3;
const tries = 2;
/** The clock is no finer than that what is over at once would be infinitely fast. */
const leastMs = 0.05;

interface Measurement {
  /** What waits for an answer: its id, and the bytes that went or come, none for a ping alone. */
  id: number;
  direction: 'none' | 'down' | 'up';
  bytes: number;
  beganMs: number;
  /** How often these bytes went this way, and the shortest time that they took. */
  tries: number;
  shortestMs: number;
  pings: number;
  downBytesPerSecond: number;
  readonly finish: (isWhole: boolean) => void;
}

/**
 * Measures the link to one device: small messages there and back, then bursts that grow until they take long enough,
 * first down, then up. The coordinator's clock alone counts; what the device can falsify is how slow it seems.
 */
export class LinkProbe {
  readonly #link: ProbedLink;
  readonly #bursts: BurstSender;
  readonly #roundTrips = new RoundTrips();
  #profile: LinkProfile | undefined;
  #running: Measurement | undefined;
  #lastId = 0;
  /** Of the last burst that was asked for, what has not come. */
  #owed = { id: 0, bytes: 0 };

  constructor(link: ProbedLink) {
    this.#link = link;
    this.#bursts = new BurstSender(link);
  }

  get profile(): LinkProfile | undefined {
    return this.#profile;
  }

  /** What this device's link was the last time; it holds until it is measured. */
  recall(profile: LinkProfile): void {
    this.#profile ??= profile;
  }

  /** @returns whether all was measured: nobody yielded */
  measure(): Promise<boolean> {
    this.yield();
    return new Promise((finish) => {
      const begun = { direction: 'none', bytes: 0, pings: 0, downBytesPerSecond: 0 } as const;
      this.#running = { ...begun, id: 0, beganMs: 0, tries: 0, shortestMs: 0, finish };
      this.#ping();
    });
  }

  /** There is something better to do: nothing more is sent, and what was measured halfway does not count. */
  yield(): void {
    this.#bursts.stop();
    this.#running?.finish(false);
    this.#running = undefined;
  }

  pong({ id }: Pong): void {
    const running = this.#running;
    if (!running || running.id !== id || running.direction === 'up') return;
    const tookMs = this.#link.clock.nowMs() - running.beganMs;
    if (running.direction === 'down') {
      this.#tookBurst(running, tookMs);
    } else {
      if (running.pings >= firstPings) this.#roundTrips.add(tookMs);
      running.pings += 1;
      if (running.pings < pings) this.#ping();
      else this.#sendBurst(burstPieceBytes);
    }
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE for more than was asked for */
  burst({ id, bytes }: Burst): void {
    this.#owed.bytes -= bytes.length;
    if (id !== this.#owed.id || this.#owed.bytes < 0 || bytes.length === 0)
      throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', 'a device sends bursts that nobody asked for');
    const running = this.#running;
    // Of a measurement that was given up, some may still be on its way.
    if (running?.id === id && this.#owed.bytes === 0)
      this.#tookBurst(running, this.#link.clock.nowMs() - running.beganMs);
  }

  #ping(): void {
    const { id } = this.#begin('none', 0);
    this.#link.send({ type: 'ping', id });
  }

  #sendBurst(bytes: number): void {
    const { id } = this.#begin('down', bytes);
    this.#bursts.start(id, bytes, () => this.#link.send({ type: 'ping', id }));
  }

  #askForBurst(bytes: number): void {
    const { id } = this.#begin('up', bytes);
    this.#owed = { id, bytes };
    this.#link.send({ type: 'burstWanted', id, byteLength: bytes });
  }

  #begin(direction: Measurement['direction'], bytes: number): Measurement {
    const running = this.#running!;
    const isAgain = running.direction === direction && running.bytes === bytes;
    this.#lastId += 1;
    return Object.assign(running, {
      direction,
      bytes,
      id: this.#lastId,
      beganMs: this.#link.clock.nowMs(),
      tries: isAgain ? running.tries : 0,
      shortestMs: isAgain ? running.shortestMs : Number.POSITIVE_INFINITY,
    });
  }

  #tookBurst(running: Measurement, tookMs: number): void {
    const { direction, bytes } = running;
    const { medianMs } = this.#roundTrips;
    running.tries += 1;
    running.shortestMs = Math.min(running.shortestMs, Math.max(leastMs, tookMs - medianMs));
    const isLong = running.shortestMs >= Math.max(enoughMs, enoughRoundTrips * medianMs);
    const isEnough = isLong || bytes === maxBurstBytes;
    const bytesPerSecond = (1000 * bytes) / running.shortestMs;
    if (!isEnough) this.#next(direction, 2 * bytes);
    else if (running.tries < tries) this.#next(direction, bytes);
    else if (direction === 'up') this.#finish(running, bytesPerSecond);
    else {
      running.downBytesPerSecond = bytesPerSecond;
      this.#next('up', burstPieceBytes);
    }
  }

  #next(direction: Measurement['direction'], bytes: number): void {
    if (direction === 'up') this.#askForBurst(bytes);
    else this.#sendBurst(bytes);
  }

  #finish({ downBytesPerSecond, finish }: Measurement, upBytesPerSecond: number): void {
    const { medianMs: rttMs, p95Ms: rttP95Ms } = this.#roundTrips;
    this.#profile = { rttMs, rttP95Ms, upBytesPerSecond, downBytesPerSecond };
    this.#running = undefined;
    finish(true);
  }
}
