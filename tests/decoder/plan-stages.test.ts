import { describe, expect, test } from 'vitest';
import { planStages } from '../../runtime/decoder/plan-stages.ts';
import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { singleStage } from '../../runtime/decoder/stage-assignment.ts';
import { stageBytes } from '../../runtime/decoder/stage-bytes.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

const options: RankOptions = {
  kvFormat: 'f16',
  maxStepTokens: 4,
  maxSequences: 1,
  contextLength: 64,
  kvPages: 2,
};
const model = description({ layerCount: 5, vocabSize: 9000 });
const specs = tileSpecs(model);
const [whole] = planByShares(specs, [1]);
const total = (limit?: number) => {
  const { tiles, rest } = rankBytes(model, whole!, options, 2, limit);
  return tiles + rest;
};

describe('planStages', () => {
  test('leaves a rank whole that fits, to the byte', () => {
    const single = singleStage(model, whole!);
    expect(planStages(model, whole!, options, 2, total())).toEqual([single]);
    expect(planStages(model, whole!, options, 2, total() - 1).length).toBeGreaterThan(1);
  });

  test.each([0.8, 0.5, 0.4])('fills memories of %f of it, each with a run of sublayers', (part) => {
    const limit = Math.floor(total() * part);
    const stages = planStages(model, whole!, options, 2, limit);
    expect(stages.length).toBeGreaterThan(1);
    expect(stages.map(({ firstSublayer }) => firstSublayer)).toEqual([
      0,
      ...stages.slice(0, -1).map(({ endSublayer }) => endSublayer),
    ]);
    expect(stages.at(-1)!.endSublayer).toBe(10);
    for (const stage of stages) {
      const { tiles, rest } = stageBytes(model, specs, stage, options, 2);
      expect(tiles + rest).toBeLessThanOrEqual(limit);
      const kinds = stage.tileIds.map((id) => specs[id]!).map(({ kind, layer }) => `${kind} ${layer}`);
      const sublayers = Array.from({ length: stage.endSublayer - stage.firstSublayer }, (_, i) => {
        const sublayer = stage.firstSublayer + i;
        return `${sublayer % 2 === 0 ? 'attention' : 'ffn'} ${sublayer >> 1}`;
      });
      const head = stage === stages.at(-1) ? ['vocabulary -1'] : [];
      expect([...new Set(kinds)]).toEqual(['base -1', ...sublayers, ...head]);
    }
    const others = stages.flatMap(({ tileIds }) => tileIds.slice(1));
    expect([0, ...others]).toEqual(whole!.tileIds);
  });

  test('what rankBytes tells is the sum over the memories', () => {
    const limit = Math.floor(total() * 0.5);
    const bytes = planStages(model, whole!, options, 2, limit).map((stage) =>
      stageBytes(model, specs, stage, options, 2),
    );
    expect(total(limit)).toBe(bytes.reduce((sum, { tiles, rest }) => sum + tiles + rest, 0));
    expect(total(limit)).toBeGreaterThan(total());
  });

  test('says what is missing where a memory holds no sublayer', () => {
    expect(() => planStages(model, whole!, options, 2, 300_000)).toThrow(
      expect.objectContaining({
        code: 'MEMORY_EXHAUSTED',
        message: expect.stringMatching(/attention of layer 0/),
        fields: { limitBytes: 300_000, neededBytes: expect.any(Number) },
      }),
    );
  });
});
