import { assert } from '../error.ts';

/** 2^21: a vocabulary's bound, and the share of a token id in a key. */
const idSpan = 2097152;

/**
 * Finds the `count` greatest logits without sorting the rest: one pass over the vocabulary and a heap of
 * `count` keys. Equal logits rank the lower id first.
 * @param logits float32 [vocabSize], no NaN
 * @returns ids, best first
 */
export function bestTokens(logits: Float32Array, count: number): Int32Array {
  assert(logits.length <= idSpan, `a vocabulary of at most ${idSpan} tokens`);
  assert(count >= 0 && count <= logits.length, `count in [0, vocabSize], not ${count}`);
  const bits = new Int32Array(logits.buffer, logits.byteOffset, logits.length);
  const heap = new Float64Array(count);
  for (let id = 0; id < count; id++) heap[id] = rankKey(bits[id]!, id);
  if (count > 0 && count < logits.length) keepGreatest(heap, logits, bits);

  heap.sort();
  const ids = new Int32Array(count);
  for (let rank = 0; rank < count; rank++) ids[rank] = keyId(heap[count - 1 - rank]!);
  return ids;
}

/** Goes over the logits behind the first `heap.length`, which fill `heap` already. */
function keepGreatest(heap: Float64Array, logits: Float32Array, bits: Int32Array): void {
  for (let parent = (heap.length >> 1) - 1; parent >= 0; parent--) siftDown(heap, parent);
  let leastKept = logits[keyId(heap[0]!)]!;
  for (let id = heap.length; id < logits.length; id++) {
    // On a tie the lower id, which came earlier, stays.
    if (logits[id]! <= leastKept) continue;
    heap[0] = rankKey(bits[id]!, id);
    siftDown(heap, 0);
    leastKept = logits[keyId(heap[0]!)]!;
  }
}

/**
 * One f64 that orders by logit, then by lower id. A float's bits below the sign order like its magnitude (and
 * make −0 equal to 0), so with the id below them the key is an integer of at most 53 bits, which f64 holds exactly.
 */
function rankKey(logitBits: number, id: number): number {
  const order = logitBits < 0 ? -(logitBits & 0x7fffffff) : logitBits;
  return order * idSpan + (idSpan - 1 - id);
}

function keyId(key: number): number {
  return idSpan - 1 - (key - Math.floor(key / idSpan) * idSpan);
}

/** Restores a min-heap whose only misplaced entry is at `start`. */
function siftDown(heap: Float64Array, start: number): void {
  const key = heap[start]!;
  let hole = start;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= key) break;
    heap[hole] = heap[child]!;
    hole = child;
  }
  heap[hole] = key;
}
