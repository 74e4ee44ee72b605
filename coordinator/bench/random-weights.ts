import { assert } from '../../runtime/error.ts';
import { type TensorPlan, tensorByteLength } from '../../runtime/gguf/header-writer.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import { Random } from '../../runtime/sampling/random.ts';

/** How values are distributed. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** Weights that are encoded; all rows are cut from them. */
const stockElements = 1 << 17;
const pieceBytes = 1 << 20;

/**
 * Random rows in any type, as fast as a disk takes them: a stock of normally distributed weights is encoded once
 * for each type, row length and spread, and a row is a run of the stock's blocks from a random one on. With a deviation
 * of 1/√columns, the default, a matrix keeps the size of what it multiplies.
 */
export class RandomWeights {
  readonly #stocks = new Map<string, Uint8Array>();
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Yields a tensor's bytes in pieces of about a megabyte. */
  *read(tensor: TensorPlan, spread?: Spread): Generator<Uint8Array> {
    const columns = tensor.shape.at(-1)!;
    const { blockBytes } = quantFormatNamed(tensor.type);
    const rowBytes = tensorByteLength({ ...tensor, shape: [columns] });
    const rowCount = tensorByteLength(tensor) / rowBytes;
    const stock = this.#stock(tensor.type, columns, spread ?? { mean: 0, deviation: 1 / Math.sqrt(columns) });
    const starts = (stock.length - rowBytes) / blockBytes + 1;
    const rowsEach = Math.max(1, Math.floor(pieceBytes / rowBytes));
    for (let row = 0; row < rowCount; row += rowsEach) {
      const piece = new Uint8Array(Math.min(rowsEach, rowCount - row) * rowBytes);
      for (let at = 0; at < piece.length; at += rowBytes) {
        const start = Math.floor(this.#random.nextUnit() * starts) * blockBytes;
        piece.set(stock.subarray(start, start + rowBytes), at);
      }
      yield piece;
    }
  }

  #stock(type: QuantTypeName, columns: number, { mean, deviation }: Spread): Uint8Array {
    const key = `${type} ${columns} ${mean} ${deviation}`;
    const known = this.#stocks.get(key);
    if (known) return known;
    const format = quantFormatNamed(type);
    assert(format.encode !== undefined, `${type} can be encoded`);
    const blocks = Math.ceil((stockElements + columns) / format.blockSize);
    const weights = new Float32Array(blocks * format.blockSize);
    for (let i = 0; i < weights.length; i += 1) weights[i] = mean + deviation * this.#normal();
    const stock = new Uint8Array(blocks * format.blockBytes);
    format.encode(weights, stock);
    this.#stocks.set(key, stock);
    return stock;
  }

  /** Nearly normal: a sum of four uniforms, each of variance 1/12. */
  #normal(): number {
    const random = this.#random;
    const sum = random.nextUnit() + random.nextUnit() + random.nextUnit() + random.nextUnit();
    return (sum - 2) * Math.sqrt(3);
  }
}
