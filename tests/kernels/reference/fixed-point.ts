import { roundToEven } from './quantize.ts';

export interface Scales {
  readonly fine: number;
  readonly coarse: number;
}

export interface Addend {
  readonly fine: number;
  readonly coarse: number;
  /** 1: coarse was used, 2: overflow. */
  readonly flags: number;
}

/** What one value of a partial adds to the two sums: the scalar twin of addPartial. */
export function addendOf(value: number, scales: Scales, bound: number): Addend {
  const fine = roundToEven(Math.fround(value * scales.fine));
  if (Math.abs(fine) <= bound) return { fine, coarse: 0, flags: 0 };
  const coarse = roundToEven(Math.fround(value * scales.coarse));
  if (Math.abs(coarse) <= bound) return { fine: 0, coarse, flags: 1 };
  return { fine: 0, coarse: 0, flags: 2 };
}
