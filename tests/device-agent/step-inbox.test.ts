import { describe, expect, it } from 'vitest';
import { StepInbox } from '../../device-agent/step-inbox.ts';
import type { PartialSum } from '../../runtime/decoder/step.ts';
import type { Assignment } from '../../runtime/plan/plan.ts';
import { type Frame, packTokens } from '../../runtime/protocol/frame.ts';

/** Two legs, of two members and of three, in a model of six layers; steps of 4 tokens come in two micro-batches. */
const assignment: Assignment = {
  rank: 0,
  worldSize: 3,
  tileIds: [0],
  legs: [
    { firstLayer: 1, endLayer: 2, members: 2, receives: true, sends: true },
    { firstLayer: 3, endLayer: 5, members: 3, receives: true, sends: false },
  ],
  receivesHead: true,
  microBatchTokens: 2,
};

const frame = (type: Frame['type'], index: number, first = 0, tokens = 2): Frame => ({
  type,
  flags: 0,
  index,
  id: 5,
  rows: packTokens({ first, tokens }),
  payload: new Uint8Array([index, first]),
});

const sum = (syncIndex: number, first = 0): PartialSum => ({
  syncIndex,
  first,
  tokens: 2,
  fine: new Int32Array(),
  coarse: new Int32Array(),
  coarseUsed: false,
});

const inbox = () => new StepInbox(assignment, 6, 4);
const due = (syncIndex: number, first = 0) => ({ stepId: 5, syncIndex, first, tokens: 2 });

describe('a step’s inbox', () => {
  it('keeps what comes early until it is waited for', () => {
    const box = inbox();
    const early = [
      frame('residual', 1),
      frame('residual', 6, 2),
      frame('partial', 2),
      frame('partial', 2, 2),
    ];
    for (const one of early) box.put(one);
    const residual = { layer: 6, first: 2, tokens: 2, rows: [] };
    expect(box.takeSum(due(2, 2))).toBe(early[3]);
    expect(box.takeResidual(residual)).toBe(early[1]);
    expect(box.takeResidual(residual)).toBeUndefined();
    expect(box.takeResidual({ ...residual, layer: 1, first: 0 })).toBe(early[0]);
    expect(box.takeSum(due(2))).toBe(early[2]);
    expect(box.takeSum(due(3))).toBeUndefined();
  });

  it('tells how many add up a sync', () => {
    expect([2, 3, 6, 9].map((sync) => inbox().membersAt(sync))).toEqual([2, 2, 3, 3]);
  });

  it('lets a peer be one sync ahead, and the hub not at all', () => {
    const box = inbox();
    box.put(frame('partial', 2));
    expect(() => box.put(frame('partial', 3))).toThrow(/not due/);
    box.sent(sum(2));
    box.put(frame('partial', 3));
    expect(() => box.put(frame('sum', 6))).toThrow(/not due/);
    box.sent(sum(6));
    box.put(frame('sum', 6));
    expect(() => box.put(frame('sum', 7))).toThrow(/not due/);
  });

  it.each<[string, Frame[]]>([
    ['a residual twice', [frame('residual', 1), frame('residual', 1)]],
    ['a residual where none enters', [frame('residual', 2)]],
    ['a residual of another micro-batch', [frame('residual', 1, 1)]],
    ['a partial twice', [frame('partial', 2), frame('partial', 2)]],
    ['a partial of tokens that do not go together', [frame('partial', 2, 0, 4)]],
    ['a partial of a layer that it has no part in', [frame('partial', 4)]],
    ['a partial of a layer beyond the last', [frame('partial', 12)]],
    ['a partial where sums are due', [frame('partial', 6)]],
    ['a sum between two', [frame('sum', 2)]],
  ])('refuses %s', (_, frames) => {
    const box = inbox();
    for (const one of frames.slice(0, -1)) box.put(one);
    expect(() => box.put(frames.at(-1)!)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_UNEXPECTED_MESSAGE' }),
    );
  });
});
