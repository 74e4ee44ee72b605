import { expect, test } from 'vitest';
import type { ComputedRows } from '../../runtime/decoder/rank-options.ts';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { predictedModel } from '../support/predicted-model.ts';
import { logits, type Subject, single, subject, type Way, whole } from './prompt-logits.ts';

/** A layout in which the first rank has the two hottest tiles of each layer, which are no neighbours. */
function hotFirst({ model: { config, tiles } }: Subject): Layout {
  const stages = [{ firstLayer: 0, endLayer: config.layerCount, shares: [8, 1, 1], ffnShares: [2, 2, 1] }];
  const layout = { stages, vocabularyShares: [1, 1, 1], microBatchTokens: 16 };
  const { tileIds } = assignTiles(tiles, layout)[0]!;
  for (let layer = 0; layer < config.layerCount; layer += 1) {
    const ffn = tiles.filter((tile) => tile.kind === 'ffn' && tile.layer === layer);
    const hottest = [...ffn].sort((a, b) => b.firing! - a.firing!).slice(0, 2);
    const held = ffn.filter(({ id }) => tileIds.includes(id));
    expect(held).toEqual(hottest.sort((a, b) => a.id - b.id));
    expect(held[1]!.id - held[0]!.id).toBeGreaterThan(1);
  }
  return layout;
}

/** Rows of a layer that are computed, as shares of all. */
async function computedRows(model: Subject, layer: number, runs: readonly number[]) {
  let [rows, gate, neurons] = [0, 0, 0];
  const onRows = (computed: ComputedRows) => {
    if (computed.layer !== layer) return;
    rows += computed.rows;
    gate += computed.gate;
    neurons += computed.neurons;
  };
  await logits(model, [1], runs, { onRows });
  return { gate: gate / rows, neurons: neurons / rows };
}

test.each([
  ['relu', 'Q4_0', 'Q8_0'],
  ['relu2', 'Q8_0', 'Q4_0'],
  ['drelu', 'Q4_0', 'Q4_0'],
  ['silu', 'Q4_0', 'Q8_0'],
  ['silu', 'Q5_K', 'Q8_0'],
] as const)(
  'neurons left out of a %s model in %s give the same bits however it is computed',
  { timeout: 120_000 },
  async (activation, type, predictorType) => {
    const bytes = await predictedModel({ activation, type }, 64, predictorType);
    const open = (threshold: number) => subject(bytes, { threshold });
    const model = await open(0);
    const reference = await logits(model, [1], whole);
    const same = async (...parameters: Way) =>
      expect((await logits(model, ...parameters)) === reference, JSON.stringify(parameters)).toBe(true);
    await same([1], single, {}, 'baseline');
    await same([1], [3, 37]);
    await same([3, 2, 1], [10, 3, 27], {}, 'baseline');
    await same([5, 1, 4, 2, 3], [1, 39]);
    const hot = hotFirst(model);
    await same(hot, [10, 3, 27]);

    const exactModel = await subject(bytes);
    const exact = await logits(exactModel, [1], whole);
    if (activation !== 'silu')
      expect((await logits(exactModel, hot, single)) === exact, 'hot tiles apart').toBe(true);
    expect(exact === reference, 'what is left out is seen').toBe(false);
    if (activation === 'silu') return;
    const all = await logits(await open(-64), [1], single);
    expect(all === exact, 'all neurons predicted are the exact model').toBe(true);
  },
);

test.each([
  ['token by token', single],
  ['in a prompt', whole],
])('of predicted neurons alone gates are computed, %s', async (_, runs) => {
  const bytes = await predictedModel({ activation: 'relu', type: 'Q4_0' });
  const model = await subject(bytes, { threshold: 0 });
  const predicted = await computedRows(model, 0, runs);
  expect(predicted.gate).toBeGreaterThan(0.4);
  expect(predicted.gate).toBeLessThan(0.6);
  // Half of those that were named for no reason fire.
  expect(predicted.neurons / predicted.gate).toBeGreaterThan(0.4);
  expect(predicted.neurons / predicted.gate).toBeLessThan(0.6);
  const exact = await computedRows(model, 1, runs);
  expect(exact.gate).toBe(1);
});

test('neurons over a cut alone are computed, and all of them without', async () => {
  const bytes = await predictedModel({ activation: 'silu', type: 'Q8_0' });
  const cut = await computedRows(await subject(bytes, { threshold: 0 }), 0, single);
  expect(cut.gate).toBe(1);
  expect(cut.neurons).toBeGreaterThan(0.2);
  expect(cut.neurons).toBeLessThan(0.8);
  expect(await computedRows(await subject(bytes), 0, single)).toEqual({
    gate: 1,
    neurons: 1,
  });
});
