import { beginBlock, BLOCK_ROWS, Call, lanesFrom, pageAt, placeBuffers, rowAt, rowOf, seenBy } from './attention-call';
import { mixFourRows, mixRow } from './attention-mix';
import { mixPageQ8, quantizeQuery, scorePageQ8, weighPage } from './attention-q8';
import { scorePage } from './attention-scores';
import { softmaxRow, weighFourRows } from './attention-softmax';
import { fetchStrip } from './fetch';
import { PAGE_POSITIONS } from './kv-page';
import { keyBytesQ8, valueBytesQ8 } from './kv-page-q8';
import { multiplyVectors } from './softmax';

/** 2^64: lifts queries and weights so that no product with an element as small as 2^-112 is a subnormal. */
const LIFT: f32 = 18446744073709551616.0;
/** What is left of 2^112 after the lift, for halves; what undoes the lift, for floats. */
const HALF_REST: f32 = 281474976710656.0; // 2^48
const FLOAT_REST: f32 = 5.421010862427522e-20; // 2^-64

/** Bytes of a page's K. T is u16 for halves, f32, or i8 for 8-bit pages. */
@inline
function keyBytes<T>(headDim: i32): usize {
  return sizeof<T>() == 1 ? keyBytesQ8(headDim) : <usize>(PAGE_POSITIONS * headDim) * sizeof<T>();
}

@inline
function valueBytes<T>(headDim: i32): usize {
  return sizeof<T>() == 1 ? valueBytesQ8(headDim) : keyBytes<T>(headDim);
}

/** All of a page's K or V, which are whole strips. */
@inline
function fetchStrips(p: usize, bytes: usize): void {
  const end = p + bytes;
  while (p < end) p = fetchStrip(p, 256);
}

/** A lifted query into one of `lanes` columns: f32 [headDim, lanes]. */
@inline
function liftQuery(q: usize, query: usize, lanes: i32, headDim: i32): void {
  for (let d = 0; d < headDim; d++) {
    store<f32>(query, load<f32>(q) * LIFT);
    q += 4;
    query += <usize>lanes << 2;
  }
}

/** The block's queries, with the factors that their scores want. */
function prepare<T>(call: Call): void {
  const rest = sizeof<T>() == 4 ? FLOAT_REST : HALF_REST;
  let query = call.queries;
  for (let row = call.first; row < call.end; ) {
    const lanes = lanesFrom(call, row);
    for (let lane = 0; lane < lanes; lane++) {
      const q = rowAt(call, call.q, call.qStride, rowOf(call, row, lane));
      const target = query + (<usize>lane << 2);
      let factor = rest;
      if (sizeof<T>() == 1) factor = quantizeQuery(q, target, lanes, call.headDim);
      else liftQuery(q, target, lanes, call.headDim);
      store<f32>(call.factors + (<usize>(row + lane - call.first) << 2), factor * call.scale);
    }
    query += <usize>(lanes * call.headDim) << 2;
    row += lanes;
  }
}

function score<T>(call: Call): void {
  const headBytes = <usize>call.headDim << 2;
  for (let p = 0; p < call.longest; p += PAGE_POSITIONS) {
    const k = pageAt(call, p);
    const inPage = min(PAGE_POSITIONS, call.longest - p);
    fetchStrips(k, keyBytes<T>(call.headDim));
    for (let row = call.first; row < call.end; ) {
      const lanes = lanesFrom(call, row);
      const at = <usize>(row - call.first);
      const query = call.queries + at * headBytes;
      const scores = call.scores + at * call.rowBytes + (<usize>(p * lanes) << 2);
      if (sizeof<T>() == 1) scorePageQ8(k, query, scores, inPage, call.headDim, lanes);
      else scorePage<T>(k, query, scores, inPage, call.headDim, lanes);
      row += lanes;
    }
  }
}

/** Scores become exponentials, and for float pages weights · 2^64 that sum to 2^64. */
function weigh<T>(call: Call): void {
  for (let row = call.first; row < call.end; ) {
    const lanes = lanesFrom(call, row);
    const scores = call.scores + <usize>(row - call.first) * call.rowBytes;
    const factors = call.factors + (<usize>(row - call.first) << 2);
    for (let lane = 0; lane < lanes; lane++) {
      const factor = factors + (<usize>lane << 2);
      const seen = seenBy(call, rowOf(call, row, lane));
      const total = softmaxRow(scores + (<usize>lane << 4), <usize>lanes << 4, seen, load<f32>(factor));
      store<f32>(factor, <f32>(sizeof<T>() == 1 ? 1 / (total * <f64>LIFT) : <f64>LIFT / total));
    }
    if (sizeof<T>() != 1) {
      const vectors = (call.longest + 3) >> 2;
      if (lanes == 4) weighFourRows(scores, vectors, factors);
      else multiplyVectors(scores, vectors, load<f32>(factors));
    }
    row += lanes;
  }
}

/**
 * A page's part of the sums of a row or of four. The tokens of four rows may follow one another: then they share the
 * positions of the first, and each takes the few more that it sees alone.
 */
@inline
function mixFloats<T>(call: Call, v: usize, p: i32, row: i32, lanes: i32, weights: usize, sums: usize): void {
  const headDim = call.headDim;
  const shared = max(0, min(PAGE_POSITIONS, seenBy(call, row) - p));
  if (lanes == 1) {
    mixRow<T>(v, weights, 4, sums, shared, headDim);
    return;
  }
  mixFourRows<T>(v, weights, sums, shared, headDim);
  const rest = v + <usize>(shared * headDim) * sizeof<T>();
  for (let lane = 1; lane < 4; lane++) {
    const own = min(PAGE_POSITIONS, seenBy(call, rowOf(call, row, lane)) - p);
    if (own <= shared) continue;
    const weight = weights + (<usize>(4 * shared + lane) << 2);
    mixRow<T>(rest, weight, 16, sums + (<usize>(lane * headDim) << 2), own - shared, headDim);
  }
}

/** The same in integers: behind what a row sees its weights are zero. */
@inline
function mixIntegers(call: Call, v: usize, p: i32, row: i32, lanes: i32, e: usize, sums: usize): void {
  const most = seenBy(call, rowOf(call, row, lanes - 1)) - p;
  if (most <= 0) return;
  const scales = v + <usize>(PAGE_POSITIONS * call.headDim);
  for (let lane = 0; lane < lanes; lane++) {
    const offset = <usize>lane << 2;
    const inPage = seenBy(call, rowOf(call, row, lane)) - p;
    const scale = weighPage(
      e + 4 * offset, <usize>lanes << 4, scales, LIFT, call.pageWeights + offset, lanes, inPage,
    );
    store<f32>(call.pageScales + offset, scale);
  }
  mixPageQ8(v, call.pageWeights, call.pageScales, sums, min(PAGE_POSITIONS, most), call.headDim, lanes);
}

function mix<T>(call: Call): void {
  const headBytes = <usize>call.headDim << 2;
  memory.fill(call.sums, 0, <usize>BLOCK_ROWS * headBytes);
  for (let p = 0; p < call.longest; p += PAGE_POSITIONS) {
    const v = pageAt(call, p) + keyBytes<T>(call.headDim);
    fetchStrips(v, valueBytes<T>(call.headDim));
    for (let row = call.first; row < call.end; ) {
      const lanes = lanesFrom(call, row);
      const at = <usize>(row - call.first);
      const weights = call.scores + at * call.rowBytes + (<usize>(p * lanes) << 2);
      const sums = call.sums + at * headBytes;
      if (sizeof<T>() == 1) mixIntegers(call, v, p, row, lanes, weights, sums);
      else mixFloats<T>(call, v, p, row, lanes, weights, sums);
      row += lanes;
    }
  }
}

function finish<T>(call: Call): void {
  let sum = call.sums;
  for (let row = call.first; row < call.end; row++) {
    let out = rowAt(call, call.out, call.outStride, row);
    let factor = sizeof<T>() == 4 ? FLOAT_REST : HALF_REST;
    if (sizeof<T>() == 1) factor = load<f32>(call.factors + (<usize>(row - call.first) << 2));
    for (let d = 0; d < call.headDim; d += 4) {
      v128.store(out, f32x4.mul(v128.load(sum), f32x4.splat(factor)));
      out += 16;
      sum += 16;
    }
  }
}

@inline
function attend<T>(
  q: usize, pages: usize, base: usize, pageStride: usize, positions: i32, tokens: i32, headDim: i32, groupSize: i32,
  out: usize, qStride: i32, outStride: i32, scratch: usize, scale: f32,
): void {
  const call = changetype<Call>(scratch);
  call.q = q;
  call.pages = pages;
  call.base = base;
  call.pageStride = pageStride;
  call.positions = positions;
  call.headDim = headDim;
  call.groupSize = groupSize;
  call.out = out;
  call.qStride = qStride;
  call.outStride = outStride;
  call.scale = scale;
  placeBuffers(call, scratch);
  const rows = tokens * groupSize;
  for (let first = 0; first < rows; first += BLOCK_ROWS) {
    beginBlock(call, first, min(rows, first + BLOCK_ROWS));
    prepare<T>(call);
    score<T>(call);
    weigh<T>(call);
    mix<T>(call);
    finish<T>(call);
  }
}

/**
 * Tokens that follow one another in a sequence, one KV head and the groupSize query heads that share it:
 * out[t, h] = Σ_p softmax_p(scale · q[t, h] · k[p]) · v[p] over positions 0..positions + t − 1.
 *
 * q, out: f32 [tokens, groupSize, headDim], tokens qStride and outStride floats apart; headDim a multiple of 4;
 * positions, what the first token sees, at least 1. pages: u32 page numbers; page i's K stands at
 * base + pages[i] · pageStride, its V right behind (see `kv-page.ts`). scratch: `attentionScratchBytes`. out must
 * overlap neither q nor scratch.
 *
 * Order: a score adds over headDim in order, starting at 0; the softmax subtracts the maximum and sums as
 * `exponentials` does; an output adds over positions in order. It depends on positions alone, neither on which pages
 * hold them nor on the other heads and tokens. What stands in the pages behind what a token sees, NaN too, has no
 * effect on it.
 * Error: about (headDim + 16) · 2^-24 of Σ |q·k| in a score, then (positions + 16) · 2^-24 of max |v|.
 */
export function attentionF16(
  q: usize, pages: usize, base: usize, pageStride: usize, positions: i32, tokens: i32, headDim: i32, groupSize: i32,
  out: usize, qStride: i32, outStride: i32, scratch: usize, scale: f32,
): void {
  attend<u16>(
    q, pages, base, pageStride, positions, tokens, headDim, groupSize, out, qStride, outStride, scratch, scale,
  );
}

export function attentionF32(
  q: usize, pages: usize, base: usize, pageStride: usize, positions: i32, tokens: i32, headDim: i32, groupSize: i32,
  out: usize, qStride: i32, outStride: i32, scratch: usize, scale: f32,
): void {
  attend<f32>(
    q, pages, base, pageStride, positions, tokens, headDim, groupSize, out, qStride, outStride, scratch, scale,
  );
}

/**
 * The same over 8-bit pages (see `kv-page-q8.ts`). A score adds blocks of 32 dimensions in order, an output pages in
 * order; between, integers are exact in any order.
 * Error, besides that of floats: 2^-16 · max |q| · Σ |k| in a score, then 2^-16 of max |v| for each position.
 */
export function attentionQ8(
  q: usize, pages: usize, base: usize, pageStride: usize, positions: i32, tokens: i32, headDim: i32, groupSize: i32,
  out: usize, qStride: i32, outStride: i32, scratch: usize, scale: f32,
): void {
  attend<i8>(
    q, pages, base, pageStride, positions, tokens, headDim, groupSize, out, qStride, outStride, scratch, scale,
  );
}
