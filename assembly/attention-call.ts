import { PAGE_POSITIONS } from './kv-page';

/** Rows, each a query head of a token, that visit a page together. */
export const BLOCK_ROWS: i32 = 8;

/** What the steps of a call share: it stands at the beginning of the scratch. */
@unmanaged
export class Call {
  q: usize;
  pages: usize;
  base: usize;
  pageStride: usize;
  positions: i32;
  headDim: i32;
  groupSize: i32;
  out: usize;
  qStride: i32;
  outStride: i32;
  scale: f32;

  /** The block's rows, first to end − 1 of tokens · groupSize; the positions that the last of them sees. */
  first: i32;
  end: i32;
  longest: i32;
  /** Bytes of a row of scores: a whole number of pages. */
  rowBytes: usize;

  /** f32 [BLOCK_ROWS], f32 [4] and i16 [32 pairs of positions, 4, 2]. */
  factors: usize;
  pageScales: usize;
  pageWeights: usize;
  /** Rows side by side, or four in turns: f32 [BLOCK_ROWS, headDim] twice, f32 [BLOCK_ROWS, positions]. */
  queries: usize;
  sums: usize;
  scores: usize;
}

/** Where they stand in the scratch; `attentionScratchBytes` in `runtime/kernels/kv-page.ts` counts the same. */
const FACTORS: usize = 128;
const PAGE_SCALES: usize = 160;
const PAGE_WEIGHTS: usize = 192;
const QUERIES: usize = 704;

@inline
export function placeBuffers(call: Call, scratch: usize): void {
  const rowsBytes = <usize>(BLOCK_ROWS * call.headDim) << 2;
  call.factors = scratch + FACTORS;
  call.pageScales = scratch + PAGE_SCALES;
  call.pageWeights = scratch + PAGE_WEIGHTS;
  call.queries = scratch + QUERIES;
  call.sums = call.queries + rowsBytes;
  call.scores = call.sums + rowsBytes;
}

@inline
export function beginBlock(call: Call, first: i32, end: i32): void {
  call.first = first;
  call.end = end;
  call.longest = seenBy(call, end - 1);
  call.rowBytes = <usize>((call.longest + PAGE_POSITIONS - 1) & -PAGE_POSITIONS) << 2;
}

/** Rows are computed by fours, one or two that are left over each alone. Three are four, the last one twice. */
@inline
export function lanesFrom(call: Call, row: i32): i32 {
  return call.end - row > 2 ? 4 : 1;
}

@inline
export function rowOf(call: Call, row: i32, lane: i32): i32 {
  return min(row + lane, call.end - 1);
}

/** Positions that a row's token sees. */
@inline
export function seenBy(call: Call, row: i32): i32 {
  return call.positions + row / call.groupSize;
}

/** Address of a row of the call's queries or outputs. */
@inline
export function rowAt(call: Call, x: usize, stride: i32, row: i32): usize {
  return x + (<usize>((row / call.groupSize) * stride + (row % call.groupSize) * call.headDim) << 2);
}

@inline
export function pageAt(call: Call, position: i32): usize {
  return call.base + <usize>load<u32>(call.pages + (<usize>(position / PAGE_POSITIONS) << 2)) * call.pageStride;
}
