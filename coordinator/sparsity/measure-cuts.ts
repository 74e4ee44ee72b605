import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { type Reader, readText } from './read-text.ts';

/** x / (1 + e^-x), SwiGLU's gate. */
export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/**
 * Reads a text and finds for each layer of a SwiGLU model the |silu(gate)| below which a given share of neurons and tokens
 * lies (CATS, arXiv 2404.08763). Values are counted by the upper half of their bits, so a cut is within 1 % of the share's.
 */
export async function measureCuts(
  model: ModelFile,
  kernels: KernelBytes,
  tokens: readonly number[],
  share: number,
  { onProgress }: Pick<Reader, 'onProgress'> = {},
): Promise<number[]> {
  const histograms = Array.from({ length: model.config.layerCount }, () => new Uint32Array(1 << 15));
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  await readText(model, kernels, tokens, {
    ffn: {
      probe({ layer, count }, gates, stride) {
        const histogram = histograms[layer]!;
        for (let at = 0; at < gates.length; at += stride)
          for (let i = 0; i < count; i += 1) {
            value[0] = Math.abs(silu(gates[at + i]!));
            histogram[bits[0]! >>> 16]! += 1;
          }
      },
    },
    onProgress,
  });
  return histograms.map((histogram) => {
    const wanted = share * histogram.reduce((sum, count) => sum + count, 0);
    let [below, at] = [0, 0];
    while (below < wanted) below += histogram[at++]!;
    bits[0] = at << 16;
    return value[0]!;
  });
}
