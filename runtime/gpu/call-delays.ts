import { MappingDelay, tolerance, unseenPatienceMs } from './mapping-delay.ts';

/** Mapping delays of calls, one for about so many tokens, since the work is in proportion. */
export class CallDelays {
  /** By the bits of the number of tokens. */
  readonly #delays = new Map<number, MappingDelay>();
  /** Until then a driver may be compiling. */
  isWarm = false;

  of(tokens: number): MappingDelay {
    const size = 32 - Math.clz32(tokens);
    const known =
      this.#delays.get(size) ?? new MappingDelay(this.isWarm ? this.#patienceMs(size) : undefined);
    this.#delays.set(size, known);
    return known;
  }

  /** For calls of a size that has not been seen: at least what calls of other sizes let expect. */
  #patienceMs(size: number): number {
    const expected = [...this.#delays].map(
      ([known, { slowestMs = 0 }]) => tolerance * slowestMs * (1 << Math.max(0, size - known)),
    );
    return Math.max(unseenPatienceMs, ...expected);
  }
}
