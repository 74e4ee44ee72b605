import { describe, expect, it } from 'vitest';
import { type GgufFile, openGguf } from '../../runtime/gguf/gguf.ts';
import { quantFormats } from '../../runtime/quant/registry.ts';
import { readOracleModel } from '../oracle/oracle-model.ts';
import { memorySource } from './memory-source.ts';
import { type SyntheticModelOptions, smallShape, syntheticModel } from './synthetic-model.ts';
import { syntheticVocabulary } from './synthetic-vocabulary.ts';

const tiny: Partial<SyntheticModelOptions> = { ...smallShape, layerCount: 1 };

async function open(options: Partial<SyntheticModelOptions>): Promise<GgufFile> {
  return openGguf(memorySource(await syntheticModel(options)));
}

/** The fewest distinct values that any row has, and whether any two rows are the same. */
function rowsOf(values: Float32Array, columns: number): { distinctInRow: number; repeatedRows: boolean } {
  const rows: string[] = [];
  let distinctInRow = columns;
  for (let from = 0; from < values.length; from += columns) {
    const row = values.subarray(from, from + columns);
    distinctInRow = Math.min(distinctInRow, new Set(row).size);
    rows.push(row.join());
  }
  return { distinctInRow, repeatedRows: new Set(rows).size < rows.length };
}

function transpose(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}

describe('syntheticModel', () => {
  it('is the same bytes for the same seed, and others for another', async () => {
    const first = Buffer.from(await syntheticModel(tiny));
    expect(first.equals(await syntheticModel(tiny))).toBe(true);
    expect(first.equals(await syntheticModel({ ...tiny, seed: 2 }))).toBe(false);
  });

  it.each(quantFormats.map((format) => format.name))('stores its weights as %s', async (type) => {
    const gguf = await open({ ...tiny, type });
    const matrices = [...gguf.tensors.values()].filter((tensor) => tensor.shape.length === 2);
    expect(matrices).toHaveLength(9);
    for (const tensor of matrices) expect(tensor.type).toBe(type);
  });

  it('takes a type per role and layer', async () => {
    const gguf = await open({
      ...tiny,
      type: (role, layer) => (role === 'down' && layer === 0 ? 'Q6_K' : 'Q4_K'),
    });
    expect(gguf.tensors.get('blk.0.ffn_down.weight')!.type).toBe('Q6_K');
    expect(gguf.tensors.get('blk.0.ffn_up.weight')!.type).toBe('Q4_K');
  });

  it('has no constant tensor and no two rows or columns that are the same', async () => {
    const model = await readOracleModel(await open({ ...tiny, type: 'Q4_0', architecture: 'qwen2' }));
    expect(model.tensors.size).toBe(9 + 3 + 3);
    for (const { shape, values } of model.tensors.values()) {
      const columns = shape.at(-1)!;
      expect(rowsOf(values, columns).distinctInRow).toBeGreaterThan(8);
      expect(rowsOf(values, columns).repeatedRows).toBe(false);
      if (shape.length === 2) expect(rowsOf(transpose(values, columns), shape[0]!).repeatedRows).toBe(false);
    }
  });

  it('has no head of its own where embeddings are tied', async () => {
    const gguf = await open({ ...tiny, tiedEmbeddings: true });
    expect(gguf.tensors.has('output.weight')).toBe(false);
  });
});

describe.each(['bpe', 'spm'] as const)('syntheticVocabulary, %s', (kind) => {
  it.each([512, 2600, 30000])('has %i distinct tokens', (size) => {
    const { tokens, tokenTypes, scores, merges } = syntheticVocabulary(kind, size);
    expect(new Set(tokens).size).toBe(size);
    expect(tokenTypes).toHaveLength(size);
    if (scores) expect(scores).toHaveLength(size);
    const known = new Set(tokens);
    expect(merges?.filter((merge) => !known.has(merge.replace(' ', ''))) ?? []).toEqual([]);
  });
});
