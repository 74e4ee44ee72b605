import { pagePositions } from '../../kernels/kv-page.ts';
import { seatWords } from '../wgsl/seats.ts';

/** Tokens of one sequence, the last of which sees so many positions, all of them in the first page, whatever is there. */
export function probeSeats(tokens: number, positions: number): Uint32Array<ArrayBuffer> {
  const seats = Array.from({ length: tokens }, (_, i) => {
    const seen = positions - tokens + 1 + i;
    return [tokens * seatWords, seen, 0, (seen - 1) % pagePositions];
  });
  const pages = Math.ceil(positions / pagePositions);
  return Uint32Array.from([...seats.flat(), ...new Array<number>(pages).fill(0)]);
}
