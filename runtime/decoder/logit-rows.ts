import { type LogitPart, logitRowCount, type StepHeader } from './step.ts';

/** Puts the ranks' parts of the logits together: float32 [vocabSize] for each wanted token. */
export class LogitRows {
  readonly rows: Float32Array[];

  /** @param memory rows of an earlier step that may be written over: garbage of this size stays long */
  constructor(header: StepHeader, vocabSize: number, memory: readonly Float32Array[] = []) {
    const length = logitRowCount(header);
    this.rows = Array.from({ length }, (_, i) => memory[i] ?? new Float32Array(vocabSize));
  }

  add(parts: readonly LogitPart[]): void {
    for (const { firstVocabularyRow, vocabularyRows, values } of parts) {
      this.rows.forEach((row, i) => {
        row.set(values.subarray(i * vocabularyRows, (i + 1) * vocabularyRows), firstVocabularyRow);
      });
    }
  }
}
