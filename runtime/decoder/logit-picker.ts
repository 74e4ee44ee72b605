import { bestTokens } from '../sampling/best-tokens.ts';
import { isFinite32 } from '../sampling/finite.ts';
import type { LogitPart } from './step.ts';

/** One wanted token's logits of neighbouring vocabulary rows. */
export interface LogitRow {
  readonly firstVocabularyRow: number;
  /** float32 [vocabulary rows] */
  readonly values: Float32Array;
}

/** Chooses what a rank sends of its logits: all, or the greatest where no others are needed. */
export class LogitPicker {
  /** Stays from token to token: garbage of this size stays long. */
  #row = new Float32Array(0);

  /**
   * @param token among the wanted ones
   * @param best how many of the greatest are needed; undefined if all are
   * @returns ascending; all of them also where picking saves little, and where one is not finite, which ends the answer
   */
  pick(parts: readonly LogitPart[], token: number, best: number | undefined): LogitRow[] {
    const rows = parts.map(({ firstVocabularyRow, vocabularyRows, values }) => ({
      firstVocabularyRow,
      values: values.subarray(token * vocabularyRows, (token + 1) * vocabularyRows),
    }));
    const count = rows.reduce((sum, { values }) => sum + values.length, 0);
    // A picked logit takes the place of three.
    if (best === undefined || 3 * best >= count) return rows;
    const joined = this.#join(rows, count);
    if (!isFinite32(joined)) return rows;
    const places = bestTokens(joined, best).sort();
    return pickedRows(rows, places);
  }

  #join(rows: readonly LogitRow[], count: number): Float32Array {
    if (this.#row.length !== count) this.#row = new Float32Array(count);
    let at = 0;
    for (const { values } of rows) {
      this.#row.set(values, at);
      at += values.length;
    }
    return this.#row;
  }
}

/** @param places ascending, among all rows joined */
function pickedRows(rows: readonly LogitRow[], places: Int32Array): LogitRow[] {
  const picked: LogitRow[] = [];
  let joined = 0;
  let next = 0;
  for (const { firstVocabularyRow, values } of rows) {
    for (; next < places.length && places[next]! < joined + values.length; next += 1) {
      const place = places[next]! - joined;
      picked.push({
        firstVocabularyRow: firstVocabularyRow + place,
        values: values.subarray(place, place + 1),
      });
    }
    joined += values.length;
  }
  return picked;
}
