import { unsentLogit } from '../../runtime/decoder/logit-rows.ts';
import type { LogitPart } from '../../runtime/decoder/step.ts';
import type { LogitRun } from '../../runtime/protocol/logits-frame.ts';
import { compareBits, type Difference } from './difference.ts';

/**
 * Compares what a rank has sent of one wanted token's logits with some of its vocabulary rows, computed again. A logit
 * may be left out where all that were sent are at least as great.
 * @param runs ascending and without overlap
 * @param parts of all wanted tokens
 */
export function compareLogits(
  runs: readonly LogitRun[],
  parts: readonly LogitPart[],
  token: number,
  vocabSize: number,
): Difference | undefined {
  const sent = sentLogits(runs, vocabSize);
  for (const { firstVocabularyRow: firstIndex, vocabularyRows: count, values } of parts) {
    const got = sent.row.subarray(firstIndex, firstIndex + count);
    const expected = values
      .slice(token * count, (token + 1) * count)
      .map((value, i) => (got[i] === unsentLogit && value <= sent.least ? unsentLogit : value));
    const place = { firstToken: token, firstIndex };
    const difference = compareBits('logits', expected, got, count, [0], place);
    if (difference) return difference;
  }
  return undefined;
}

function sentLogits(runs: readonly LogitRun[], vocabSize: number): { row: Float32Array; least: number } {
  const row = new Float32Array(vocabSize).fill(unsentLogit);
  let least = Number.POSITIVE_INFINITY;
  for (const { firstVocabularyRow, bytes } of runs) {
    const values = new Float32Array(Uint8Array.from(bytes).buffer);
    row.set(values, firstVocabularyRow);
    for (const value of values) least = Math.min(least, value);
  }
  return { row, least };
}
