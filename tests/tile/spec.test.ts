import { describe, expect, test } from 'vitest';
import { kernelFormats } from '../../runtime/kernels/formats.ts';
import { halfSplitOrder } from '../../runtime/tile/rope-order.ts';
import { kvHeadsPerTile, tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

describe('tileSpecs', () => {
  test('covers every head, neuron and vocabulary row once, in order', () => {
    const model = description(
      { intermediateSize: 700, vocabSize: 1100, headCount: 6, kvHeadCount: 3 },
      'F32',
    );
    const tiles = tileSpecs(model);
    const runs = (kind: string, layer: number) =>
      tiles
        .filter((tile) => tile.kind === kind && tile.layer === layer)
        .map(({ first, count }) => [first, count]);
    expect(runs('attention', 1)).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    expect(runs('ffn', 0)).toEqual([
      [0, 256],
      [256, 256],
      [512, 188],
    ]);
    expect(runs('vocabulary', -1)).toEqual([
      [0, 512],
      [512, 512],
      [1024, 76],
    ]);
    expect(tiles.map(({ id }) => id)).toEqual(tiles.map((_, i) => i));
    expect(tiles.filter(({ kind }) => kind === 'base')).toHaveLength(1);
  });

  test('keeps sections apart, aligned and as long as their packed matrix', () => {
    for (const tile of tileSpecs(description({}, 'Q4_0'))) {
      let end = 0;
      for (const section of tile.sections) {
        expect(section.byteOffset % 64).toBe(0);
        expect(section.byteOffset).toBeGreaterThanOrEqual(end);
        end = section.byteOffset + section.byteLength;
        if (section.format !== 'vector')
          expect(section.byteLength).toBe(
            kernelFormats[section.format].packedBytes(section.rows, section.columns),
          );
      }
      expect(tile.byteLength).toBeGreaterThanOrEqual(end);
    }
  });

  test('puts the rows of a neuron side by side, behind what all tokens need', () => {
    const model = { ...description({ activation: 'relu', intermediateSize: 300 }, 'Q4_0'), neuronRows: true };
    const shape = { rank: 64, input: 'Q4_0', output: 'Q4_0' } as const;
    const predictors = model.layers.map((_, layer) => (layer === 0 ? shape : null));
    const approximation = { kind: 'predicted', threshold: 0, predictors } as const;
    const tiles = tileSpecs({ ...model, approximation }).filter(({ kind }) => kind === 'ffn');
    for (const { layer, count, sections, records, byteLength } of tiles) {
      const rows = sections.filter(({ byRow }) => byRow);
      expect(rows.map(({ role }) => role)).toEqual(layer === 0 ? ['gate', 'up', 'down'] : ['up', 'down']);
      const { byteOffset, stride } = records!;
      expect([byteOffset % 64, stride % 64]).toEqual([0, 0]);
      let end = byteOffset;
      for (const row of rows) {
        expect(row.byteOffset).toBe(end);
        end += row.byteLength / count;
      }
      expect(end).toBeLessThanOrEqual(byteOffset + stride);
      const heads = sections.filter(({ byRow }) => !byRow);
      for (const head of heads) expect(head.byteOffset + head.byteLength).toBeLessThanOrEqual(byteOffset);
      expect(byteLength).toBe(byteOffset + count * stride);
    }
    expect(tiles.map(({ count }) => count).slice(0, 2)).toEqual([256, 44]);
  });

  test.each([
    ['Q8_0', 8, 4, 32, 1],
    ['Q8_0', 32, 16, 8, 2],
    ['Q4_K', 8, 4, 32, 4],
    ['Q4_K', 32, 8, 64, 1],
    ['Q4_K', 32, 32, 128, 2],
    ['F32', 8, 4, 8, 1],
  ] as const)(
    '%s with %i heads on %i KV heads of %i: %i KV heads a tile',
    (format, headCount, kvHeadCount, headDim, heads) => {
      const model = description({ headCount, kvHeadCount, headDim, hiddenSize: headCount * headDim }, format);
      expect(kvHeadsPerTile(model, model.layers[0]!)).toBe(heads);
    },
  );
});

describe('halfSplitOrder', () => {
  test('brings interleaved pairs to half-split ones and leaves what is not rotated', () => {
    expect(halfSplitOrder(8, 6)).toEqual([0, 2, 4, 1, 3, 5, 6, 7]);
  });
});
