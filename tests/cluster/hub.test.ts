import { describe, expect, it } from 'vitest';
import { Hub } from '../../coordinator/cluster/hub.ts';
import { encodePlanes } from '../../runtime/collective/partial-frame.ts';
import { encodeResidual } from '../../runtime/collective/residual-frame.ts';
import type { StepHeader } from '../../runtime/decoder/step.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { decodeFrame, defaultFrameLimits, type Frame } from '../../runtime/protocol/frame.ts';
import { referenceCodec } from '../collective/reference-codec.ts';
import { fakeModel, fakeRankOptions } from './fake-model.ts';

const { config } = fakeModel().description;
/** Rank 0 computes the first layer, ranks 0 and 1 the second, ranks 1 and 2 the output head. */
const layout: Layout = {
  stages: [
    { firstLayer: 0, endLayer: 1, shares: [1, 0, 0] },
    { firstLayer: 1, endLayer: 2, shares: [1, 1, 0] },
  ],
  vocabularyShares: [0, 1, 1],
  microBatchTokens: 2,
};
/** Micro-batches of tokens 0 and of tokens 1 and 2, of which the last wants logits. */
const header: StepHeader = { stepId: 7, sequences: [{ slot: 0, start: 0, count: 3, logits: 'last' }] };
const parts = [
  { first: 0, tokens: 1 },
  { first: 1, tokens: 2 },
];

function hub(): Hub {
  const begun = new Hub(layout, config, fakeRankOptions, () => referenceCodec);
  begun.begin(header);
  return begun;
}

const decode = (message: Uint8Array): Frame => decodeFrame(message, defaultFrameLimits);

function residual(layer: number, part: number, rows = parts[part]!.tokens, stepId = 7): Frame {
  const values = new Float32Array(rows * config.hiddenSize).fill(layer);
  return decode(encodeResidual(stepId, { layer, ...parts[part]!, rows: [values] }));
}

function partial(syncIndex: number, part: number): Frame {
  const point = { stepId: 7, syncIndex, ...parts[part]! };
  const planes = referenceCodec.allocatePlanes(parts[part]!.tokens * config.hiddenSize);
  return decode(encodePlanes('partial', point, planes, referenceCodec));
}

describe('a hub', () => {
  it('passes residuals to who needs them, sums within a stage, and knows whom it waits for', () => {
    const it = hub();
    const pass = (rank: number, frame: Frame) =>
      it.receive(rank, frame).map((delivery) => [delivery.ranks, decode(delivery.frame).type]);
    expect([it.awaited, it.isDone(0), it.isDone(1), it.isDone(2)]).toEqual([[0], false, false, false]);
    expect(pass(0, residual(1, 0))).toEqual([[[1], 'residual']]);
    expect(pass(0, residual(1, 1))).toEqual([[[1], 'residual']]);
    expect(it.awaited).toEqual([0, 1]);
    for (const syncIndex of [2, 3]) {
      for (const part of [0, 1]) {
        expect(pass(0, partial(syncIndex, part))).toEqual([[[1], 'partial']]);
        if (part === 0) expect(it.awaited).toEqual([1]);
      }
      for (const part of [0, 1]) expect(pass(1, partial(syncIndex, part))).toEqual([[[0], 'partial']]);
    }
    expect([it.awaited, it.isDone(0), it.isDone(1), it.isDone(2)]).toEqual([[0], false, true, false]);
    // Of the first micro-batch no logits are wanted.
    expect(pass(0, residual(2, 1, 1))).toEqual([[[2], 'residual']]);
    expect([it.awaited, it.isDone(0), it.isDone(2)]).toEqual([[], true, true]);
  });

  it('needs nothing before the output head if no logits are wanted', () => {
    const it = hub();
    it.begin({ stepId: 8, sequences: [{ slot: 0, start: 0, count: 1, logits: 'none' }] });
    expect(it.isDone(2)).toBe(true);
  });

  it.each<[string, number, Frame, string]>([
    ['a residual of another rank', 1, residual(1, 0), 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a later micro-batch first', 0, residual(1, 1), 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a residual of another step', 0, residual(1, 0, 1, 6), 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a residual that enters nowhere', 0, residual(0, 0), 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a residual of another size', 0, residual(1, 0, 2), 'FRAME_MALFORMED'],
    ['a partial of a stage of one', 0, partial(0, 0), 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a partial of a rank without a part', 2, partial(2, 0), 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['a partial of no layer', 0, partial(4, 0), 'PROTOCOL_UNEXPECTED_MESSAGE'],
    ['rows of which no logits are wanted', 0, residual(2, 0), 'PROTOCOL_UNEXPECTED_MESSAGE'],
  ])('refuses %s', (_, rank, frame, code) => {
    expect(() => hub().receive(rank, frame)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses a residual twice', () => {
    const it = hub();
    it.receive(0, residual(1, 0));
    expect(() => it.receive(0, residual(1, 0))).toThrow(/not due/);
  });
});
