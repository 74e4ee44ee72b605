import { allFfnCodes } from '../ffn/ffn-codes.ts';
import { ffnProducts } from '../ffn/ffn-products.ts';
import type { Gpu } from '../gpu.ts';
import { groupings } from '../token-groups.ts';
import { addDown } from '../wgsl/add-down.ts';
import { applySums } from '../wgsl/apply-sums.ts';
import { attention } from '../wgsl/attention.ts';
import { project } from '../wgsl/project.ts';
import { quantize } from '../wgsl/quantize.ts';
import { rmsNorm } from '../wgsl/rms-norm.ts';
import { rope } from '../wgsl/rope.ts';
import { storeKv } from '../wgsl/store-kv.ts';
import { attentionProducts } from './attention-products.ts';
import type { GpuLayersShape } from './gpu-layers.ts';
import type { LayerSpecs } from './layers-shape.ts';

/** All programs that such layers are computed with. */
export function layerCodes(gpu: Gpu, shape: GpuLayersShape, layers: readonly LayerSpecs[]): string[] {
  const { kvFormat, maxTokens, config } = shape;
  const codes = new Set([rmsNorm, rope, storeKv(kvFormat), attention(kvFormat), applySums]);
  for (const layer of layers) {
    const { query, key, value, output } = attentionProducts(layer.attention[0]!)!;
    const { input } = ffnProducts(layer.ffn[0]!, layer.predictorInput)!;
    for (const form of [query.activation, input, output.activation])
      if (form !== 'f32') codes.add(quantize(form));
    for (const together of groupings(maxTokens)) {
      for (const product of [query, key, value]) codes.add(project(product, together, gpu.packedDots));
      codes.add(addDown(output, together, gpu.packedDots));
    }
    const ffn = allFfnCodes(gpu, layer.ffn[0]!, config.activation, maxTokens, layer.predictorInput);
    for (const code of ffn) codes.add(code);
  }
  return [...codes];
}
