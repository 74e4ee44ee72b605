import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeChat } from '../../coordinator/chat/encode-chat.ts';
import { openModel, readTokenizer } from '../../coordinator/files/open-model.ts';
import { writeModel } from '../../coordinator/files/write-model.ts';
import { type Evaluation, evaluateApproximation } from '../../coordinator/sparsity/evaluate-approximation.ts';
import { measureCuts } from '../../coordinator/sparsity/measure-cuts.ts';
import { measureFiring } from '../../coordinator/sparsity/measure-firing.ts';
import { openPredictors, predictorContents } from '../../coordinator/sparsity/predictor-file.ts';
import { sparsifyModel } from '../../coordinator/sparsity/sparsify.ts';
import { gatherSamples } from '../../coordinator/sparsity/training/samples.ts';
import { type TrainedLayer, trainPredictors } from '../../coordinator/sparsity/training/train-predictors.ts';
import { newConversations, trainedConversations } from '../support/conversations.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { inlineEncoder } from '../support/predicted-model.ts';

/** Small models, with a ReLU gate and with SwiGLU: `models/README.md` tells how they were made. */
const spark = fileURLToPath(new URL('fixtures/hearth-spark.gguf', import.meta.url));
const ember = fileURLToPath(new URL('../../models/hearth-ember.gguf', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'hearth-predictors-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function evaluate(path: string, thresholds: readonly number[]): Promise<Evaluation[]> {
  const model = await openModel(path);
  try {
    const tokens = encodeChat(readTokenizer(model.gguf), newConversations());
    return await evaluateApproximation(model, kernelBytes, tokens, thresholds);
  } finally {
    await model.close();
  }
}

describe('a trained model with a ReLU gate', { timeout: 300_000 }, () => {
  const predicted = join(folder, 'spark.gguf');
  let layers: TrainedLayer[];
  beforeAll(async () => {
    const model = await openModel(spark);
    const tokens = encodeChat(readTokenizer(model.gguf), trainedConversations(60));
    const samples = gatherSamples(model.config, tokens.length);
    const profile = await measureFiring(model, kernelBytes, tokens, { probe: samples.probe });
    const options = { type: 'Q4_0', gateType: 'Q4_0', seed: 0 } as const;
    layers = await trainPredictors(samples.layers, kernelBytes, options);
    const file = join(folder, 'spark.predictors');
    await writeModel(file, predictorContents(model.name, layers, 'Q4_0'));
    const predictors = await openPredictors(file, model.config);
    await writeModel(
      predicted,
      sparsifyModel(model.gguf, model.config, profile, inlineEncoder, { predictors }),
    );
    await predictors.close();
    await model.close();
  }, 300_000);

  test('has predictors that find 95 % of what fires', () => {
    for (const { recall, named, predictor } of layers) {
      expect(predictor).toBeDefined();
      expect(recall).toBeGreaterThanOrEqual(0.95);
      expect(named).toBeLessThan(0.6);
    }
  });

  test('says next what the exact model says, the more the lower the threshold', async () => {
    const [exact, ...predictions] = await evaluate(predicted, [-4, 0, 2]);
    expect(exact).toMatchObject({ exact: true, agreement: 1, gateRows: 1 });
    const [near, at, far] = predictions;
    expect(near!.agreement).toBeGreaterThanOrEqual(0.99);
    expect(near!.gateRows).toBeLessThan(0.9);
    expect(at!.agreement).toBeGreaterThanOrEqual(0.94);
    expect(at!.perplexity / exact!.perplexity).toBeLessThan(1.04);
    expect(at!.gateRows).toBeLessThan(0.5);
    expect(near!.gateRows).toBeGreaterThan(at!.gateRows);
    expect(far!.gateRows).toBeLessThan(at!.gateRows);
    expect(at!.agreement).toBeGreaterThan(far!.agreement);
  });
});

describe('a trained model with SwiGLU', { timeout: 300_000 }, () => {
  test('loses little without the half of its neurons whose gates are small', async () => {
    const model = await openModel(ember);
    const tokens = encodeChat(readTokenizer(model.gguf), trainedConversations(80));
    const cuts = await measureCuts(model, kernelBytes, tokens, 0.5);
    const profile = await measureFiring(model, kernelBytes, tokens, { cuts });
    const path = join(folder, 'ember.gguf');
    await writeModel(path, sparsifyModel(model.gguf, model.config, profile, inlineEncoder));
    await model.close();
    const [exact, cut] = await evaluate(path, []);
    expect(exact).toMatchObject({ gateRows: 1, neuronRows: 1 });
    expect(cut!.gateRows).toBe(1);
    expect(cut!.neuronRows).toBeGreaterThan(0.45);
    expect(cut!.neuronRows).toBeLessThan(0.55);
    expect(cut!.perplexity / exact!.perplexity).toBeLessThan(1.02);
  });
});
