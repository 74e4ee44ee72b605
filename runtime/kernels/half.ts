import { HearthError } from '../error.ts';
import type { Bytes } from './formats/bytes.ts';

/**
 * Packed halves: what the kernels read as weights and weight scales. A half whose exponent bias is 25 instead
 * of 15, without subnormals, infinities and NaN: 2^-24 … < 128, and zero. Every IEEE half below 128 has
 * exactly one, so the recoding is lossless; the kernels then never multiply a subnormal, which costs an Intel
 * processor about forty times a normal product. Weights or scales from 128 on are no model's.
 */

const INVALID = 0x1_0000;
let table: Uint32Array | undefined;

/** All 65536 halves to packed halves; INVALID for those without one. */
function recodeTable(): Uint32Array {
  if (table) return table;
  table = new Uint32Array(65536);
  for (let half = 0; half < 65536; half++) table[half] = recode(half);
  return table;
}

function recode(half: number): number {
  const sign = half & 0x8000;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent > 21) return INVALID;
  if (exponent > 0) return sign | ((exponent + 10) << 10) | mantissa;
  if (mantissa === 0) return sign;
  const leading = 31 - Math.clz32(mantissa); // the value is mantissa · 2^-24
  return sign | ((leading + 1) << 10) | ((mantissa << (10 - leading)) & 0x3ff);
}

/** Recodes one IEEE half after the other, and remembers whether all of them had a packed half. */
export class HalfRecoder {
  readonly #table = recodeTable();
  #seen = 0;

  recode(half: number): number {
    const packed = this.#table[half]!;
    this.#seen |= packed;
    return packed;
  }

  /** The half at `from` of source, recoded to `to` of target. */
  move(source: Bytes, from: number, target: Bytes, to: number): void {
    target.setU16(to, this.recode(source.u16(from)));
  }

  /** @throws HearthError MODEL_BAD_TENSOR */
  finish(): void {
    if ((this.#seen & INVALID) === 0) return;
    throw new HearthError(
      'MODEL_BAD_TENSOR',
      'a tensor has weights or scales that are not finite or not below 128: the file is damaged or not a model',
    );
  }
}
