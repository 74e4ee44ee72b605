import { type StepHeader, type StepSequence, tokenCount } from '../decoder/step.ts';
import { encodeFrame, type Frame, malformed } from './frame.ts';

/** Of each sequence, before the embeddings. */
export const sequenceBytes = 20;
/** Which logits are wanted, by number. */
const wantedLogits = ['none', 'last', 'all'] as const satisfies StepSequence['logits'][];
/** Not only so many of the greatest. */
const allLogits = 0;

/**
 * The frame that opens a step: each sequence as five uint32 (slot, start, count, wanted logits, how many of the
 * greatest), then the embeddings.
 * @param embeddings float32 [tokens, hiddenSize]; none for a rank that does not compute the first layer
 * @param flags see `showSumsFlag`
 */
export function encodeStep(header: StepHeader, embeddings: Float32Array, flags = 0): Uint8Array {
  const { sequences, stepId } = header;
  const table = new DataView(new ArrayBuffer(sequences.length * sequenceBytes));
  sequences.forEach((sequence, i) => {
    const at = i * sequenceBytes;
    table.setUint32(at, sequence.slot, true);
    table.setUint32(at + 4, sequence.start, true);
    table.setUint32(at + 8, sequence.count, true);
    table.setUint32(at + 12, wantedLogits.indexOf(sequence.logits), true);
    table.setUint32(at + 16, sequence.best ?? allLogits, true);
  });
  return encodeFrame(
    { type: 'step', flags, index: sequences.length, id: stepId, rows: tokenCount(header) },
    new Uint8Array(table.buffer),
    new Uint8Array(embeddings.buffer, embeddings.byteOffset, embeddings.byteLength),
  );
}

/** What a rank can take: a step beyond it is malformed. */
export interface StepBounds {
  readonly hiddenSize: number;
  readonly maxStepTokens: number;
  readonly maxSequences: number;
  readonly contextLength: number;
  /** Whether embeddings come with it. */
  readonly embedded: boolean;
}

export interface Step {
  readonly header: StepHeader;
  /** float32 [tokens, hiddenSize], a copy; empty where none come. */
  readonly embeddings: Float32Array;
}

/** @throws HearthError FRAME_MALFORMED */
export function decodeStep(frame: Frame, bounds: StepBounds): Step {
  const { index: count, id: stepId, rows, payload } = frame;
  const tableBytes = count * sequenceBytes;
  const expectedBytes = tableBytes + (bounds.embedded ? rows * bounds.hiddenSize * 4 : 0);
  if (count < 1 || rows < 1 || rows > bounds.maxStepTokens)
    throw malformed(`a step of ${rows} tokens in ${count} sequences`);
  if (payload.length !== expectedBytes)
    throw malformed(`a step of ${rows} tokens holds ${payload.length} bytes, expected ${expectedBytes}`);
  const table = new DataView(payload.buffer, payload.byteOffset, tableBytes);
  const sequences = Array.from({ length: count }, (_, i) => readSequence(table, i * sequenceBytes, bounds));
  const header = { stepId, sequences };
  if (tokenCount(header) !== rows)
    throw malformed(`a step of ${rows} tokens has sequences of ${tokenCount(header)}`);
  if (new Set(sequences.map(({ slot }) => slot)).size !== count) throw malformed('a step names a slot twice');
  return { header, embeddings: new Float32Array(payload.slice(tableBytes).buffer) };
}

function readSequence(table: DataView, at: number, bounds: StepBounds): StepSequence {
  const slot = table.getUint32(at, true);
  const start = table.getUint32(at + 4, true);
  const count = table.getUint32(at + 8, true);
  const logits = wantedLogits[table.getUint32(at + 12, true)];
  const best = table.getUint32(at + 16, true);
  if (slot >= bounds.maxSequences) throw malformed(`a step names slot ${slot} of ${bounds.maxSequences}`);
  if (count < 1 || start + count > bounds.contextLength)
    throw malformed(`a step ends at position ${start + count} of ${bounds.contextLength}`);
  if (logits === undefined) throw malformed('a step wants logits of an unknown kind');
  return { slot, start, count, logits, ...(best !== allLogits && { best }) };
}
