import { HALF_BITS, IQ4_LEVELS, NIBBLES, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { firstPart, levelMask, levelRows, secondPart } from './matmul-iq4-nl';
import { multiplyAdd, weightScales } from './simd';

/**
 * y[t, r] = Σ over blocks of 256 columns, in order: d · d_x · Σ_s sc_s · Σ level(q_w) · q_x, s over 8
 * sub-blocks of 32 columns.
 *
 * w: [paddedRows/8, columns/256] blocks of 1104 bytes: 8 sub-blocks of 128 B nibbles (as in `matmulQ4_0`),
 * each the index of a level | int8 sc [8 sub-blocks][8 rows] at 1024 | 8 scales d at 1088. x: the stream of
 * `quantizeQ8K`, [count, columns/256] × 352 B. y, order of work and the stores inside the loop: as in
 * `matmulQ4_0`. The integer sum of a block is exact and below 2^27; converting it to f32 rounds, and so do
 * the three operations of a block.
 */
export function matmulIQ4_XS(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 8) * 1104;
  const levels = v128.load(IQ4_LEVELS);
  const nibbles = v128.load(NIBBLES);
  const mask = v128.load(levelMask());
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
        if (block >= fetched) fetched = fetchStrip(block, 1104);
        let sumLow = i32x4.splat(0);
        let sumHigh = sumLow;
        let scale = block + 1024;
        const streamEnd = stream + 256;
        do {
          const xf = firstPart(v128.load(stream));
          const xs = secondPart(v128.load(stream));
          const zf = firstPart(v128.load(stream, 16));
          const zs = secondPart(v128.load(stream, 16));
          const a = levelRows(block, xf, xs, zf, zs, out, levels, nibbles, mask);
          const b = levelRows(block + 64, xf, xs, zf, zs, out + 16, levels, nibbles, mask);
          const scales = v128.load8x8_s(scale);
          sumLow = i32x4.add(sumLow, i32x4.mul(a, i32x4.extend_low_i16x8_s(scales)));
          sumHigh = i32x4.add(sumHigh, i32x4.mul(b, i32x4.extend_high_i16x8_s(scales)));
          block += 128;
          stream += 32;
          scale += 8;
        } while (stream < streamEnd);
        const xScale = v128.load(stream, 16);
        low = multiplyAdd(
          f32x4.convert_i32x4_s(sumLow), f32x4.mul(weightScales(block + 64, halfBits), xScale), low,
        );
        high = multiplyAdd(
          f32x4.convert_i32x4_s(sumHigh), f32x4.mul(weightScales(block + 72, halfBits), xScale), high,
        );
        block += 80;
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
