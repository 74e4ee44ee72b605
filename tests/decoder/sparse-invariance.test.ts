import { describe, expect, test } from 'vitest';
import { syntheticModel } from '../support/synthetic-model.ts';
import { logits, single, subject, type Way, whole } from './prompt-logits.ts';

describe.each(['relu', 'relu2', 'drelu'] as const)('%s gives the same bits', (activation) => {
  test.each([
    ['Q4_0', true],
    ['Q8_0', true],
    ['Q4_0', false],
  ] as const)('in %s, by neuron %s', { timeout: 60_000 }, async (type, neuronRows) => {
    const model = await subject(await syntheticModel({ activation, type, neuronRows }));
    const reference = await logits(model, [1], whole, { everyNeuron: true });
    const same = async (...way: Way) =>
      expect((await logits(model, ...way)) === reference, JSON.stringify(way)).toBe(true);
    await same([1], whole);
    await same([1], single, {}, 'baseline');
    await same([1], single, { everyNeuron: true });
    await same([3, 2, 1], [10, 3, 27], {}, 'baseline');
    await same([5, 1, 4, 2, 3], [1, 39]);
  });
});

test('neurons whose number fills no group', async () => {
  const shape = { hiddenSize: 96, headCount: 4, kvHeadCount: 2, headDim: 32, intermediateSize: 301 };
  const model = await subject(
    await syntheticModel({ activation: 'relu', type: 'Q8_0', neuronRows: true, ...shape }),
  );
  const reference = await logits(model, [1], whole, { everyNeuron: true });
  expect(await logits(model, [1], whole)).toBe(reference);
  expect(await logits(model, [2, 1], [3, 37], {}, 'baseline')).toBe(reference);
});
