import type { LogitPart } from '../decoder/step.ts';
import { encodeFrame, type Frame, lastFlag, malformed } from './frame.ts';

const partHeaderBytes = 8;

/** A run of one wanted token's logits. */
export interface LogitRun {
  readonly firstVocabularyRow: number;
  /** float32 values, a view of the frame's payload: they may begin anywhere. */
  readonly bytes: Uint8Array;
}

/**
 * A rank's answer to a step: one frame for each wanted token, so that a frame is never longer than a row of
 * logits. The last one is flagged; a rank without vocabulary tiles, or of whom nothing is wanted, sends it empty.
 * Payload: for each part its first row and its rows, uint32 each, then the parts' float32 values.
 * @param rowCount wanted tokens of the step
 */
export function* encodeLogits(
  stepId: number,
  rowCount: number,
  parts: readonly LogitPart[],
): Generator<Uint8Array> {
  const held = rowCount > 0 ? parts : [];
  const rows = held.length > 0 ? rowCount : 1;
  for (let row = 0; row < rows; row += 1) {
    const table = new DataView(new ArrayBuffer(held.length * partHeaderBytes));
    held.forEach((part, i) => {
      table.setUint32(i * partHeaderBytes, part.firstVocabularyRow, true);
      table.setUint32(i * partHeaderBytes + 4, part.vocabularyRows, true);
    });
    const flags = row === rows - 1 ? lastFlag : 0;
    yield encodeFrame(
      { type: 'logits', flags, index: held.length, id: stepId, rows: row },
      new Uint8Array(table.buffer),
      ...held.map((part) => rowBytes(part, row)),
    );
  }
}

function rowBytes({ values, vocabularyRows }: LogitPart, row: number): Uint8Array {
  const bytes = vocabularyRows * 4;
  return new Uint8Array(values.buffer, values.byteOffset + row * bytes, bytes);
}

/**
 * @returns the row's runs, ascending and without overlap
 * @throws HearthError FRAME_MALFORMED
 */
export function decodeLogits(frame: Frame, vocabSize: number): LogitRun[] {
  const { index: parts, payload } = frame;
  let offset = parts * partHeaderBytes;
  if (payload.length < offset) throw malformed('a logits frame is shorter than its table of parts');
  const table = new DataView(payload.buffer, payload.byteOffset, offset);
  let leastRow = 0;
  const runs: LogitRun[] = [];
  for (let i = 0; i < parts; i += 1) {
    const firstVocabularyRow = table.getUint32(i * partHeaderBytes, true);
    const count = table.getUint32(i * partHeaderBytes + 4, true);
    const end = firstVocabularyRow + count;
    if (count < 1 || firstVocabularyRow < leastRow || end > vocabSize)
      throw malformed(`a logits frame holds vocabulary rows ${firstVocabularyRow} to ${end} of ${vocabSize}`);
    if (payload.length - offset < count * 4) throw malformed('a logits frame is shorter than its parts');
    runs.push({ firstVocabularyRow, bytes: payload.subarray(offset, offset + count * 4) });
    offset += count * 4;
    leastRow = end;
  }
  if (offset !== payload.length)
    throw malformed(`${payload.length - offset} bytes follow a logits frame's parts`);
  return runs;
}
