import type { LogitPicker, LogitRow } from '../decoder/logit-picker.ts';
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
 * A rank's answer to a step: one frame for each wanted token, so that a frame is never longer than a row of logits. The
 * last one is flagged; a rank without vocabulary tiles, or of whom nothing is wanted, sends it empty. Payload: for each
 * run its first row and its rows, uint32 each, then the runs' float32 values.
 * @param wanted as `wantedRows` has it
 */
export function* encodeLogits(
  stepId: number,
  wanted: readonly (number | undefined)[],
  parts: readonly LogitPart[],
  picker: LogitPicker,
): Generator<Uint8Array> {
  const rows = parts.length > 0 ? wanted.length : 0;
  for (let row = 0; row < rows; row += 1)
    yield encodeRow(stepId, row, row === rows - 1, picker.pick(parts, row, wanted[row]));
  if (rows === 0) yield encodeRow(stepId, 0, true, []);
}

function encodeRow(stepId: number, row: number, isLast: boolean, runs: readonly LogitRow[]): Uint8Array {
  const table = new Uint32Array(2 * runs.length);
  runs.forEach(({ firstVocabularyRow, values }, i) => {
    table[2 * i] = firstVocabularyRow;
    table[2 * i + 1] = values.length;
  });
  return encodeFrame(
    { type: 'logits', flags: isLast ? lastFlag : 0, index: runs.length, id: stepId, rows: row },
    bytesOf(table),
    ...runs.map(({ values }) => bytesOf(values)),
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
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
