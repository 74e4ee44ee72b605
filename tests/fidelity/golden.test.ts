import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openModelFile } from '../../runtime/model/model-file.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { createSoloRunner } from '../../runtime/solo/solo-runner.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { memorySource } from '../support/memory-source.ts';
import {
  type SyntheticModelOptions,
  smallShape,
  syntheticModel,
  type WeightRole,
} from '../support/synthetic-model.ts';

/**
 * Pins the bits of the arithmetic. A difference means that answers change for everyone: intended, it goes into
 * the changelog and the file is written anew with
 *
 *   HEARTH_REWRITE_GOLDEN=1 npx vitest run tests/fidelity/golden.test.ts
 */
const rewriting = process.env.HEARTH_REWRITE_GOLDEN === '1';
const goldenFile = new URL('golden.json', import.meta.url);

const otherTypes: Readonly<Record<WeightRole, QuantTypeName>> = {
  embedding: 'BF16',
  query: 'Q4_1',
  key: 'Q5_0',
  value: 'Q5_1',
  attentionOutput: 'IQ4_XS',
  gate: 'Q2_K',
  up: 'Q3_K',
  down: 'Q5_K',
  output: 'IQ4_NL',
};

const models: Readonly<Record<string, Partial<SyntheticModelOptions>>> = {
  'llama, Q4_K with Q6_K': { type: (role) => (role === 'value' || role === 'down' ? 'Q6_K' : 'Q4_K') },
  'qwen2, Q4_0 with Q8_0, tied embeddings, YaRN': {
    architecture: 'qwen2',
    type: (role) => (role === 'embedding' ? 'Q8_0' : 'Q4_0'),
    tiedEmbeddings: true,
    ropeScaling: {
      kind: 'yarn',
      factor: 4,
      originalContextLength: 64,
      attentionFactor: 1,
      betaFast: 32,
      betaSlow: 1,
    },
  },
  'llama, F16 with F32, frequency factors': {
    type: (role) => (role === 'down' ? 'F32' : 'F16'),
    ropeFactors: true,
  },
  'llama, each of the other types': {
    type: (role, layer) => (role === 'query' && layer === 1 ? 'BF16' : otherTypes[role]),
  },
};

const tokens = Array.from({ length: 24 }, (_, i) => (i * 397 + 11) % smallShape.vocabSize);

/** SHA-256 of the file's bytes, and of the logits at all positions of one prompt. */
async function digests(options: Partial<SyntheticModelOptions>): Promise<{ model: string; logits: string }> {
  const bytes = await syntheticModel({ ...smallShape, ...options });
  const runner = await createSoloRunner(await openModelFile(memorySource(bytes)), kernelBytes, {
    kvFormat: 'f16',
    maxStepTokens: tokens.length,
    maxSequences: 1,
    contextLength: 64,
    kvPages: 1,
  });
  const rows = await runner.step([{ slot: 0, start: 0, count: tokens.length, logits: 'all', tokens }]);
  const logits = createHash('sha256');
  for (const row of rows) logits.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
  return { model: createHash('sha256').update(bytes).digest('hex'), logits: logits.digest('hex') };
}

describe('golden logits', () => {
  const golden = JSON.parse(readFileSync(goldenFile, 'utf8'));

  it.each(Object.entries(models))('%s', async (name, options) => {
    const found = await digests(options);
    if (rewriting) golden[name] = found;
    expect(found).toEqual(golden[name]);
  });

  afterAll(() => {
    if (rewriting) writeFileSync(goldenFile, `${JSON.stringify(golden, null, 2)}\n`);
  });
});
