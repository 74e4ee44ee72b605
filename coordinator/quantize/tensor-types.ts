import type { TensorPlan } from '../../runtime/gguf/header-writer.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import type { QuantizeTarget } from './targets.ts';

/**
 * Which type each tensor of a model gets. The choices are those of llama.cpp's llama-quant.cpp
 * (llama_tensor_get_type, without an importance matrix) for the architectures that are read here, so that a name
 * such as Q4_K_M means the same file everywhere.
 */
export function targetTypes(
  tensors: Iterable<TensorPlan>,
  target: QuantizeTarget,
): ReadonlyMap<string, QuantTypeName> {
  const all = [...tensors];
  const model: ModelTensors = {
    hasHead: all.some(({ name }) => name === 'output.weight'),
    layerCount: 1 + Math.max(...all.map(({ name }) => layerOf(name))),
  };
  return new Map(all.map((tensor) => [tensor.name, targetType(tensor, target, model)]));
}

interface ModelTensors {
  /** A head of its own; else the embedding is the head too. */
  readonly hasHead: boolean;
  readonly layerCount: number;
}

function targetType(tensor: TensorPlan, target: QuantizeTarget, model: ModelTensors): QuantTypeName {
  if (!isMatrix(tensor)) return tensor.type;
  if (target.type === 'F16') return 'F16';
  const columns = tensor.shape.at(-1)!;
  return fittingType(wantedType(tensor.name, columns, target, model), columns);
}

/** Norms, biases and what routes among experts are small and felt everywhere: they stay as they are. */
function isMatrix({ name, shape }: TensorPlan): boolean {
  const isFlat = shape.slice(0, -1).every((size) => size === 1);
  return !isFlat && name.endsWith('weight') && !/_norm\.weight$|ffn_gate_inp/.test(name);
}

function wantedType(
  name: string,
  columns: number,
  target: QuantizeTarget,
  model: ModelTensors,
): QuantTypeName {
  const isHead = name === (model.hasHead ? 'output.weight' : 'token_embd.weight');
  if (isHead) {
    const isWhole = columns % quantFormatNamed(target.type).blockSize === 0;
    return isWhole && target.type !== 'Q8_0' ? 'Q6_K' : 'Q8_0';
  }
  const isValue = name.endsWith('attn_v.weight');
  const isSensitive = isValue || name.includes('ffn_down');
  if (target.mixed && isSensitive && hasMoreBits(layerOf(name), model.layerCount)) return 'Q6_K';
  // In a 70B model eight heads share the values' matrix: more bits for it cost next to nothing.
  if (isValue && model.layerCount === 80 && target.type === 'Q4_K') return 'Q5_K';
  return target.type;
}

/** The first and the last eighth of the layers, and every third between. */
function hasMoreBits(layer: number, layerCount: number): boolean {
  const eighth = Math.floor(layerCount / 8);
  return layer < eighth || layer >= Math.floor((7 * layerCount) / 8) || (layer - eighth) % 3 === 2;
}

/** For rows that are not whole blocks, a type of smaller blocks and at least as many bits. */
const fallbacks: Partial<Record<QuantTypeName, QuantTypeName>> = {
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
};

function fittingType(type: QuantTypeName, columns: number): QuantTypeName {
  const fits = (candidate: QuantTypeName) => columns % quantFormatNamed(candidate).blockSize === 0;
  if (fits(type)) return type;
  const fallback = fallbacks[type];
  return fallback && fits(fallback) ? fallback : 'F16';
}

/** −1 outside the layers. */
function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1);
}
