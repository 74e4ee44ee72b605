import { HALF_BITS, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { nibbleMask, nibbleRows } from './matmul-q4-0';
import {
  evenBytes,
  oddBytes,
  splat0,
  splat1,
  splat2,
  splat3,
  weightScales,
} from './simd';

/** i16 lanes 0–3 (4–7) each twice: a row's scale beside both halves of its sum. */
@inline
export function twiceLow(v: v128): v128 {
  return i8x16.shuffle(v, v, 0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7);
}
@inline
export function twiceHigh(v: v128): v128 {
  return i8x16.shuffle(v, v, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 15, 14, 15);
}

/** Σ over 8 sub-blocks of min · Σ q_x for 4 rows; m: u8 pairs of sub-blocks, 16 bytes apart; sums: 8 i16. */
@inline
export function minimums(m: usize, sums: v128): v128 {
  let total = i32x4.dot_i16x8_s(v128.load8x8_u(m), splat0(sums));
  total = i32x4.add(total, i32x4.dot_i16x8_s(v128.load8x8_u(m, 16), splat1(sums)));
  total = i32x4.add(total, i32x4.dot_i16x8_s(v128.load8x8_u(m, 32), splat2(sums)));
  return i32x4.add(total, i32x4.dot_i16x8_s(v128.load8x8_u(m, 48), splat3(sums)));
}

/** d · a − dmin · m, all four products and differences rounded to f32. */
@inline
export function combine(a: v128, d: v128, m: v128, dmin: v128): v128 {
  return f32x4.sub(f32x4.mul(f32x4.convert_i32x4_s(a), d), f32x4.mul(f32x4.convert_i32x4_s(m), dmin));
}

/**
 * y[t, r] = Σ over blocks of 256 columns, in order: d_x · (d · Σ_s sc_s · Σ q_w · q_x − dmin · Σ_s min_s · Σ
 * q_x), s over 8 sub-blocks of 32 columns.
 *
 * w: [paddedRows/8, columns/256] blocks of 1184 bytes: 8 sub-blocks of 128 B nibbles (as in `matmulQ4_0`) |
 * u8 sc [8 sub-blocks][8 rows] at 1024 | u8 min [4 pairs of sub-blocks][8 rows][2] at 1088 | 8 scales d at
 * 1152 | 8 scales dmin at 1168. x: the stream of `quantizeQ8K`, [count, columns/256] × 352 B.
 * y, order of work and the stores inside the loop: as in `matmulQ4_0`. The integer sums of a block are exact
 * and below 2^25; converting them to f32 rounds, and so do the five operations of a block.
 */
export function matmulQ4_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 8) * 1184;
  const mask = v128.load(nibbleMask());
  const halfBits = v128.load(HALF_BITS);
  const rowEnd = y + (<usize>paddedRows << 2);
  let fetched = w;
  while (y < rowEnd) {
    const groupEnd = w + groupBytes;
    let stream = x;
    let out = y;
    for (let t = 0; t < count; t++) {
      let block = w;
      let low = f32x4.splat(0);
      let high = low;
      while (block < groupEnd) {
        if (block >= fetched) fetched = fetchStrip(block, 1184);
        let sumLow = i32x4.splat(0);
        let sumHigh = sumLow;
        let scale = block + 1024;
        const streamEnd = stream + 256;
        do {
          const xe = evenBytes(v128.load(stream));
          const xo = oddBytes(v128.load(stream));
          const ze = evenBytes(v128.load(stream, 16));
          const zo = oddBytes(v128.load(stream, 16));
          const a = nibbleRows(block, xe, xo, ze, zo, mask, out);
          const b = nibbleRows(block + 64, xe, xo, ze, zo, mask, out + 16);
          const scales = v128.load8x8_u(scale);
          sumLow = i32x4.add(sumLow, i32x4.dot_i16x8_s(a, twiceLow(scales)));
          sumHigh = i32x4.add(sumHigh, i32x4.dot_i16x8_s(b, twiceHigh(scales)));
          block += 128;
          stream += 32;
          scale += 8;
        } while (stream < streamEnd);
        const columnSums = v128.load(stream);
        const xScale = v128.load(stream, 16);
        const minLow = minimums(block + 64, columnSums);
        const minHigh = minimums(block + 72, columnSums);
        const rowsLow = combine(
          sumLow, weightScales(block + 128, halfBits), minLow, weightScales(block + 144, halfBits),
        );
        const rowsHigh = combine(
          sumHigh, weightScales(block + 136, halfBits), minHigh, weightScales(block + 152, halfBits),
        );
        low = f32x4.add(low, f32x4.mul(rowsLow, xScale));
        high = f32x4.add(high, f32x4.mul(rowsHigh, xScale));
        block += 160;
        stream += 96;
      }
      v128.store(out, f32x4.mul(low, f32x4.splat(STREAM_SCALE)));
      v128.store(out, f32x4.mul(high, f32x4.splat(STREAM_SCALE)), 16);
      out += <usize>yStride << 2;
    }
    w = groupEnd;
    y += 32;
  }
}
