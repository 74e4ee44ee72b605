/** Rows of `rows.ts` to the groups of 8 that panels read: when most of many tokens' neurons fire. Rows past the last are it again. */

@inline
function rowAt(w: usize, row: i32, rows: i32, stride: usize): usize {
  return w + <usize>min(row, rows - 1) * stride;
}

/** out: [rows/8, columns/32] blocks of `matmulQ4_0`. */
export function groupRowsQ4_0(w: usize, out: usize, rows: i32, columns: i32, stride: usize): void {
  const quantBytes = <usize>columns >> 1;
  for (let first = 0; first < rows; first += 8) {
    for (let place = 0; place < 8; place++) {
      const row = rowAt(w, first + place, rows, stride);
      let lane = out + (<usize>(place >> 2) << 6) + (<usize>(place & 3) << 2);
      let scale = out + 128 + (<usize>place << 1);
      for (let block: usize = 0; block < quantBytes; block += 16) {
        store<u32>(lane, load<u32>(row + block));
        store<u32>(lane, load<u32>(row + block, 4), 16);
        store<u32>(lane, load<u32>(row + block, 8), 32);
        store<u32>(lane, load<u32>(row + block, 12), 48);
        store<u16>(scale, load<u16>(row + quantBytes + (block >> 3)));
        lane += 144;
        scale += 144;
      }
    }
    out += (quantBytes >> 4) * 144;
  }
}

/** out: [rows/8, columns/32] blocks of `matmulQ8_0`. */
export function groupRowsQ8_0(w: usize, out: usize, rows: i32, columns: i32, stride: usize): void {
  const quantBytes = <usize>columns;
  for (let first = 0; first < rows; first += 8) {
    for (let place = 0; place < 8; place++) {
      const row = rowAt(w, first + place, rows, stride);
      let lane = out + (<usize>(place >> 2) << 7) + (<usize>(place & 3) << 2);
      let scale = out + 256 + (<usize>place << 1);
      for (let block: usize = 0; block < quantBytes; block += 32) {
        for (let v: usize = 0; v < 8; v++) {
          const four = load<u32>(row + block + (v << 2));
          const swapped = ((four >> 8) & 0xff00) | ((four & 0xff00) << 8);
          store<u32>(lane + (v << 4), (four & 0xff0000ff) | swapped);
        }
        store<u16>(scale, load<u16>(row + quantBytes + (block >> 4)));
        lane += 272;
        scale += 272;
      }
    }
    out += (quantBytes >> 5) * 272;
  }
}
