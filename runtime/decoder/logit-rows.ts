import { type LogitPart, type StepHeader, wantedRows } from './step.ts';

/** What stands for a logit that was not sent, since it is not among the greatest: less than any, and finite. */
export const unsentLogit = -3.4028234663852886e38;

/** Puts the ranks' parts of the logits together: float32 [vocabSize] for each wanted token. */
export class LogitRows {
  readonly rows: Float32Array[];

  /** @param memory rows of an earlier step that may be written over: garbage of this size stays long */
  constructor(header: StepHeader, vocabSize: number, memory: readonly Float32Array[] = []) {
    this.rows = wantedRows(header).map((best, i) => {
      const row = memory[i] ?? new Float32Array(vocabSize);
      return best === undefined ? row : row.fill(unsentLogit);
    });
  }

  add(parts: readonly LogitPart[]): void {
    for (const { firstVocabularyRow, vocabularyRows, values } of parts) {
      this.rows.forEach((row, i) => {
        row.set(values.subarray(i * vocabularyRows, (i + 1) * vocabularyRows), firstVocabularyRow);
      });
    }
  }
}
