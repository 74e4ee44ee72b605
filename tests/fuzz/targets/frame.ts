import { hubCodec } from '../../../coordinator/cluster/hub-codec.ts';
import { nodeSha256 } from '../../../device-agent/node/sha256.ts';
import { addPlanes, encodePlanes, replacePlanes } from '../../../runtime/collective/partial-frame.ts';
import { LogitPicker } from '../../../runtime/decoder/logit-picker.ts';
import { decodeControl, encodeControl } from '../../../runtime/protocol/control.ts';
import { decodeFrame, defaultFrameLimits, encodeFrame, type Frame } from '../../../runtime/protocol/frame.ts';
import { decodeKvRuns, encodeKvRuns } from '../../../runtime/protocol/kv-frame.ts';
import { decodeLogits, encodeLogits } from '../../../runtime/protocol/logits-frame.ts';
import { packPlain, unpackPlain } from '../../../runtime/protocol/msgpack.ts';
import { decodeSpans, encodeSpans } from '../../../runtime/protocol/spans-frame.ts';
import { decodeStep, encodeStep } from '../../../runtime/protocol/step-frame.ts';
import { decodeTile, encodeTile } from '../../../runtime/protocol/tile-frame.ts';
import { samples } from '../../protocol/samples.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateValue } from '../mutate-value.ts';
import type { Mutate, Target } from '../target.ts';

const hiddenSize = 32;
const vocabSize = 64;
const bounds = { hiddenSize, maxStepTokens: 16, maxSequences: 4, contextLength: 256, embedded: true };

/** Changes a message's fields where it is one, and else its bytes. */
export const mutateFrame: Mutate = (input, random, another) => {
  if (random.integer(3) === 0) return mutateBytes(input, random, another);
  try {
    const { index, payload } = decodeFrame(input, defaultFrameLimits);
    const { type: _, ...header } = { ...decodeFrame(input, defaultFrameLimits) };
    if (_ !== 'control') return withPayload(input, mutateBytes(payload, random, another));
    return encodeFrame(
      { ...header, type: 'control', index },
      packPlain(mutateValue(unpackPlain(payload), random)),
    );
  } catch {
    return mutateBytes(input, random, another);
  }
};

/** The length in the header is right again: what is behind it is read. */
function withPayload(frame: Uint8Array, payload: Uint8Array): Uint8Array {
  const whole = new Uint8Array(16 + payload.length);
  whole.set(frame.subarray(0, 16));
  whole.set(payload, 16);
  new DataView(whole.buffer).setUint32(12, payload.length, true);
  return whole;
}

/** Every kind of frame, and every control message. */
export function frameTarget(): Target {
  const codec = hubCodec(16 * hiddenSize);
  const target = { ...codec.allocatePlanes(16 * hiddenSize), coarseUsed: false };
  target.fine.forEach((_, i) => {
    target.fine[i] = (i * 77_777) % 5000;
  });
  const values = { ...target, coarse: target.fine };
  const point = { stepId: 1, syncIndex: 2, first: 0, tokens: 16 };
  const sequences = [{ slot: 1, start: 0, count: 2, logits: 'all' }] as const;
  const spans = { operations: Uint8Array.of(1, 2), durationsUs: Float32Array.of(1.5, 0), lost: 0 };
  const run = { slot: 1, run: 0, tileId: 3, heads: [new Uint8Array(64).fill(3)] };
  const logits = [{ firstVocabularyRow: 8, vocabularyRows: 16, values: new Float32Array(32) }];
  const tile = new Uint8Array(100).fill(7);
  const seeds = [
    ...samples.map(encodeControl),
    encodePlanes('partial', point, { ...values, coarseUsed: false }, codec),
    encodePlanes('sum', point, { ...values, coarseUsed: true }, codec),
    encodeStep({ stepId: 1, sequences }, new Float32Array(2 * hiddenSize).fill(0.5)),
    ...encodeLogits(1, [undefined, 2], logits, new LogitPicker()),
    ...encodeSpans(1, [spans, spans]),
    encodeKvRuns(1, run),
    encodeTile(1, { id: 3, hash: nodeSha256(tile), bytes: tile }),
    encodeFrame({ type: 'residual', flags: 0, index: 1, id: 1, rows: 2 }, new Uint8Array(8 * hiddenSize)),
  ];
  const readers: Partial<Record<Frame['type'], (frame: Frame) => unknown>> = {
    control: decodeControl,
    partial: (frame) => addPlanes(target, frame, codec),
    sum: (frame) => replacePlanes(target, frame, codec),
    step: (frame) => decodeStep(frame, bounds),
    logits: (frame) => decodeLogits(frame, vocabSize),
    spans: decodeSpans,
    kv: decodeKvRuns,
    tile: (frame) => decodeTile(frame, nodeSha256),
  };
  return {
    seeds,
    mutate: mutateFrame,
    read: (input) => {
      const frame = decodeFrame(input, defaultFrameLimits);
      readers[frame.type]?.(frame);
      return `${frame.type} ${frame.type === 'control' ? frame.index : ''}`;
    },
  };
}
