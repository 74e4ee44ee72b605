import { expect, test } from 'vitest';
import { openModelFile } from '../../runtime/model/model-file.ts';
import { DeviceTimes } from '../../runtime/plan/device-times.ts';
import { modelWork, weightBytes } from '../../runtime/plan/workload.ts';
import { memorySource } from '../support/memory-source.ts';
import { device, planOptions } from '../support/plan.ts';
import { predictedModel } from '../support/predicted-model.ts';

test('of neurons that are skipped, time is not counted, but memory is', async () => {
  const bytes = await predictedModel({ activation: 'relu', type: 'Q4_0' });
  const [exact, predicted] = [
    await openModelFile(memorySource(bytes)),
    await openModelFile(memorySource(bytes), undefined, { threshold: 0 }),
  ];
  const [first, last] = exact.rowShares!;
  expect(first).toEqual({ gate: 1, neurons: expect.closeTo(0.252, 3) });
  expect(predicted.rowShares).toEqual([{ ...first, gate: 0.5 }, last]);

  const ffnMs = (model: typeof exact, shares: typeof exact.rowShares) => {
    const work = modelWork(model.description, planOptions, shares);
    expect(weightBytes(work)).toBe(weightBytes(modelWork(model.description, planOptions)));
    const times = new DeviceTimes(work, device());
    expect(times.sublayerMs(0, 1, 1, 0)).toBe(
      new DeviceTimes(modelWork(model.description, planOptions), device()).sublayerMs(0, 1, 1, 0),
    );
    return times.sublayerMs(1, 1, 1, 0);
  };
  const all = ffnMs(exact, undefined);
  expect(ffnMs(exact, exact.rowShares) / all).toBeCloseTo((1 + 2 * 0.252) / 3, 1);
  expect(ffnMs(predicted, predicted.rowShares)).toBeLessThan(ffnMs(exact, exact.rowShares));
});

test('where everything is read, nothing is known of shares', async () => {
  const bytes = await predictedModel({ activation: 'silu', type: 'Q8_0' });
  expect((await openModelFile(memorySource(bytes))).rowShares).toBeUndefined();
  const cut = await openModelFile(memorySource(bytes), undefined, { threshold: 0 });
  expect(cut.rowShares).toHaveLength(2);
});
