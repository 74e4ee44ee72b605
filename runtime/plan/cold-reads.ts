import type { TileSpec } from '../tile/spec.ts';
import { expectedCost } from '../weights/record-runs.ts';
import { isWorthReading } from '../weights/residency.ts';

/** Costs of reading tiles' neurons, by what a read costs and by tokens; tiles by id. */
export type KnownCosts = Map<string, Float64Array>;

/** Neurons that a device reads when they fire, where it has no room for all its tiles: as `Residency` chooses them. */
export class ColdReads {
  readonly #known: KnownCosts;
  readonly #seekBytes: number;
  readonly #count: number;
  /** The coldest last. */
  readonly #cold: readonly TileSpec[];
  #held = 0;

  /**
   * @param specs FFN tiles of which it is known how many neurons fire
   * @param count tiles of the model
   */
  constructor(specs: readonly TileSpec[], seekBytes: number, count: number, known: KnownCosts) {
    this.#known = known;
    this.#seekBytes = seekBytes;
    this.#count = count;
    const cold = specs.filter((spec) => isWorthReading(spec, seekBytes));
    this.#cold = cold.sort((a, b) => this.#cost(b, 1) - this.#cost(a, 1) || a.id - b.id);
  }

  /** Of all that is read by neurons. */
  get recordBytes(): number {
    return this.#cold.reduce((sum, spec) => sum + recordBytes(spec), 0);
  }

  /** Keeps the hottest for which there is room. @returns bytes of the others */
  hold(roomBytes: number): number {
    let leftBytes = roomBytes;
    this.#held = 0;
    for (const spec of this.#cold) {
      leftBytes -= recordBytes(spec);
      if (leftBytes < 0) break;
      this.#held += 1;
    }
    return this.#cold.slice(this.#held).reduce((sum, spec) => sum + recordBytes(spec), 0);
  }

  /** What so many tokens at once read of the others, in bytes that could be read on meanwhile. */
  bytes(tokens: number): number {
    let sum = 0;
    for (let i = this.#held; i < this.#cold.length; i += 1) sum += this.#cost(this.#cold[i]!, tokens);
    return sum;
  }

  #cost(spec: TileSpec, tokens: number): number {
    const key = `${this.#seekBytes} ${tokens}`;
    const known = this.#known.get(key) ?? new Float64Array(this.#count).fill(-1);
    this.#known.set(key, known);
    if (known[spec.id]! < 0) {
      const { count, firing } = spec;
      const wanted = count * (1 - (1 - firing! / count) ** tokens);
      known[spec.id] = expectedCost({ ...spec, firing: wanted }, this.#seekBytes);
    }
    return known[spec.id]!;
  }
}

function recordBytes({ count, records }: TileSpec): number {
  return count * records!.stride;
}
