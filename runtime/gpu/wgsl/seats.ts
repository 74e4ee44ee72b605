/**
 * Where a call's tokens stand: four words for each token, then page numbers of sequences. `table`: the word at which those of its
 * sequence begin; `seen`: positions that it attends to, its own the last; `page` and `inPage`: where its own K and V go.
 */
export const seats = (binding: number): string => /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read> seats: array<u32>;
struct Seat {
  table: u32,
  seen: u32,
  page: u32,
  inPage: u32,
}
fn seatOf(token: u32) -> Seat {
  let at = ${seatWords}u * token;
  return Seat(seats[at], seats[at + 1u], seats[at + 2u], seats[at + 3u]);
}
`;

/** Words of a `Seat`. */
export const seatWords = 4;
