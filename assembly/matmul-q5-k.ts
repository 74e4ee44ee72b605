import { FOURTH_AND_FIFTH, HALF_BITS, LOW_BYTES, LOW_FIVE, LOW_THREE, STREAM_SCALE } from './constants';
import { fetchStrip } from './fetch';
import { fiveBitRows } from './five-bits';
import { combine, minimums, twiceHigh, twiceLow } from './matmul-q4-k';
import { evenBytes, oddBytes, weightScales } from './simd';

/**
 * y[t, r]: as in `matmulQ4_K`, with quants of 5 bits.
 *
 * w: [paddedRows/8, columns/256] blocks of 1440 bytes: 8 sub-blocks of 80 B of rows 0–3 and 80 B of rows 4–7
 * (see `fiveBitRows`) | u8 sc [8 sub-blocks][8 rows] at 1280 | u8 min [4 pairs of sub-blocks][8 rows][2] at
 * 1344 | 8 scales d at 1408 | 8 scales dmin at 1424. x, y, rounding, order of work and the stores inside the
 * loop: as in `matmulQ4_K`. The integer sums of a block are exact and below 2^26.
 */
export function matmulQ5_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>(columns >> 8) * 1440;
  const lowFive = v128.load(LOW_FIVE);
  const lowThree = v128.load(LOW_THREE);
  const fourthAndFifth = v128.load(FOURTH_AND_FIFTH);
  const lowBytes = v128.load(LOW_BYTES);
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
        if (block >= fetched) fetched = fetchStrip(block, 1440);
        let sumLow = i32x4.splat(0);
        let sumHigh = sumLow;
        let scale = block + 1280;
        const streamEnd = stream + 256;
        do {
          const xe = evenBytes(v128.load(stream));
          const xo = oddBytes(v128.load(stream));
          const ze = evenBytes(v128.load(stream, 16));
          const zo = oddBytes(v128.load(stream, 16));
          const scales = v128.load8x8_u(scale);
          sumLow = i32x4.add(sumLow, fiveBitRows(
            block, xe, xo, ze, zo, twiceLow(scales), out,
            lowFive, lowThree, fourthAndFifth, lowBytes,
          ));
          sumHigh = i32x4.add(sumHigh, fiveBitRows(
            block + 80, xe, xo, ze, zo, twiceHigh(scales), out + 16,
            lowFive, lowThree, fourthAndFifth, lowBytes,
          ));
          block += 160;
          stream += 32;
          scale += 8;
        } while (stream < streamEnd);
        const columnSums = v128.load(stream);
        const xScale = v128.load(stream, 16);
        const rowsLow = combine(
          sumLow, weightScales(block + 128, halfBits),
          minimums(block + 64, columnSums), weightScales(block + 144, halfBits),
        );
        const rowsHigh = combine(
          sumHigh, weightScales(block + 136, halfBits),
          minimums(block + 72, columnSums), weightScales(block + 152, halfBits),
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
