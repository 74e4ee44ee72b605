import { describe, expect, it } from 'vitest';
import { type GgufFile, openGguf } from '../../runtime/gguf/gguf.ts';
import { memorySource } from '../support/memory-source.ts';
import { type SyntheticModelOptions, smallShape, syntheticModel } from '../support/synthetic-model.ts';
import { f64Forward } from './f64-forward.ts';
import { roundedArithmetic } from './oracle-arithmetic.ts';
import { tfjsForward } from './tfjs-forward.ts';

const tokens = [5, 90, 17, 200, 333, 124, 45, 45, 519, 1, 70, 401];
const yarn = {
  kind: 'yarn',
  factor: 4,
  originalContextLength: 64,
  attentionFactor: 1.1,
  betaFast: 32,
  betaSlow: 1,
} as const;

async function open(options: Partial<SyntheticModelOptions>): Promise<GgufFile> {
  return openGguf(memorySource(await syntheticModel({ ...smallShape, ...options })));
}

function rms(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** Differences of all logits of all rows. */
function difference(a: readonly Float64Array[], b: readonly Float64Array[]): Float64Array {
  return Float64Array.from(a.flatMap((row, token) => [...row.map((value, i) => value - b[token]![i]!)]));
}

describe('the two reference forwards', () => {
  const models: Record<string, Partial<SyntheticModelOptions>> = {
    llama: { type: 'F32' },
    'llama with frequency factors': { type: 'F32', ropeFactors: true },
    'llama with linear scaling': { type: 'F32', ropeScaling: { kind: 'linear', factor: 4 } },
    'quantised llama': { type: 'Q4_0' },
    'qwen2 with tied embeddings': { type: 'F32', architecture: 'qwen2', tiedEmbeddings: true },
    'qwen2 with YaRN': { type: 'F32', architecture: 'qwen2', ropeScaling: yarn },
  };
  it.each(Object.entries(models))('agree on %s', async (_, options) => {
    const gguf = await open(options);
    const exact = await f64Forward(gguf, tokens);
    const flat = await tfjsForward(gguf, tokens);
    const size = flat.length / tokens.length;
    const rows = tokens.map((_, token) => Float64Array.from(flat.subarray(token * size, (token + 1) * size)));
    const errors = difference(rows, exact);
    expect(rms(errors)).toBeLessThan(1e-5);
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1e-4);
  });

  it('tell apart models that differ in positions only', async () => {
    const variants = [{}, { ropeFactors: true }, { ropeScaling: yarn }, { architecture: 'qwen2' }] as const;
    const logits: Float64Array[][] = [];
    for (const options of variants)
      logits.push(await f64Forward(await open({ type: 'F32', ...options }), tokens));
    for (let i = 1; i < logits.length; i += 1)
      expect(rms(difference(logits[i]!, logits[0]!))).toBeGreaterThan(0.1);
  });
});

describe('deliberate roundings', () => {
  it.each(['Q4_0', 'Q8_0', 'Q4_K', 'Q6_K'] as const)(
    'fixed-point sums cost under a tenth of int8 in %s',
    async (type) => {
      const gguf = await open({ type });
      const exact = await f64Forward(gguf, tokens);
      const cost = async (arithmetic: Parameters<typeof roundedArithmetic>[0]) =>
        rms(difference(await f64Forward(gguf, tokens, roundedArithmetic(arithmetic)), exact));
      const int8 = await cost({ int8Activations: true });
      const fixedPoint = await cost({ fixedPointSums: true });
      process.stdout.write(
        `${type}: rms error of logits from fixed-point sums ${fixedPoint.toExponential(1)}, ` +
          `from 8-bit activations ${int8.toExponential(1)}, ratio 1/${Math.round(int8 / fixedPoint)}\n`,
      );
      expect(fixedPoint).toBeGreaterThan(0);
      expect(int8).toBeGreaterThan(0.005);
      expect(fixedPoint).toBeLessThan(int8 / 10);
    },
  );
});
