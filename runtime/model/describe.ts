import { HearthError } from '../error.ts';
import type { GgufFile, GgufTensor } from '../gguf/gguf.ts';
import type { KernelFormatName } from '../kernels/formats.ts';
import { rowFormats } from '../kernels/row-formats.ts';
import { type ApproximationChoice, readApproximation } from './approximation.ts';
import type { Architecture, MatrixRole, TensorRule } from './architecture.ts';
import type { ModelConfig } from './config.ts';
import type { LayerFormats, ModelDescription } from './description.ts';
import { tileFiring } from './row-shares.ts';
import { layerRules } from './tensor-rules.ts';

/** GGUF name of a rule's tensor in this file, or undefined where an optional one is missing. */
export function tensorName(
  gguf: Pick<GgufFile, 'tensors'>,
  rule: Omit<TensorRule, 'shape'>,
  layer: number,
): string | undefined {
  const name = layer < 0 ? rule.name : `blk.${layer}.${rule.name}`;
  if (gguf.tensors.has(name)) return name;
  if (rule.fallbackName && gguf.tensors.has(rule.fallbackName)) return rule.fallbackName;
  if (rule.optional) return undefined;
  throw new HearthError(
    'MODEL_BAD_TENSOR',
    `the file lacks the tensor ${name}: it is damaged or incomplete`,
    {
      tensor: name,
    },
  );
}

/**
 * Checks every tensor of the architecture's table against the file and describes the model for the ranks.
 * @param choice of an approximation; without one answers are exact
 * @throws HearthError MODEL_BAD_TENSOR for a missing tensor or a wrong shape; USAGE for a file that cannot be approximated
 */
export function describeModel(
  gguf: GgufFile,
  architecture: Architecture,
  config: ModelConfig,
  choice?: ApproximationChoice,
): ModelDescription {
  checkRules(gguf, architecture.globalTensors, config, -1);
  checkEmbedding(gguf, config);
  const neuronRows = hasNeuronRows(gguf);
  const rules = layerRules(architecture, neuronRows);
  const layers = Array.from({ length: config.layerCount }, (_, layer) => {
    checkRules(gguf, rules, config, layer);
    return layerFormats(gguf, rules, layer);
  });
  const approximation = choice && readApproximation(gguf, config, choice);
  const predicted = approximation?.kind === 'predicted';
  if (neuronRows) checkRowTypes(layers, predicted);
  const output = architecture.globalTensors.find((rule) => rule.role === 'output')!;
  const description: ModelDescription = {
    config,
    layers,
    outputFormat: formatOf(gguf, output, -1),
    attentionBias: hasAttentionBias(gguf, architecture, config),
    ropeFactors: gguf.tensors.has('rope_freqs.weight'),
    neuronRows,
    ...(approximation && { approximation }),
  };
  const firing = tileFiring(gguf.metadata, description);
  return { ...description, ...(firing && { firing }) };
}

function layerFormats(gguf: GgufFile, rules: readonly TensorRule[], layer: number): LayerFormats {
  const formats: Partial<Record<MatrixRole, KernelFormatName>> = {};
  for (const rule of rules) {
    if (isMatrixRole(rule.role)) formats[rule.role] = formatOf(gguf, rule, layer);
  }
  return formats as LayerFormats;
}

const matrixRoles: ReadonlySet<string> = new Set<MatrixRole>([
  'query',
  'key',
  'value',
  'attentionOutput',
  'gate',
  'up',
  'down',
  'output',
]);

function isMatrixRole(role: string): role is MatrixRole {
  return matrixRoles.has(role);
}

function formatOf(gguf: GgufFile, rule: TensorRule, layer: number): KernelFormatName {
  return gguf.tensors.get(tensorName(gguf, rule, layer)!)!.type;
}

/** Whether the file has down transposed, as `hearth sparsify` and PowerInfer write it. */
export function hasNeuronRows({ tensors }: Pick<GgufFile, 'tensors'>): boolean {
  return tensors.has('blk.0.ffn_down_t.weight');
}

/** @param predicted gates are computed row by row too */
function checkRowTypes(layers: readonly LayerFormats[], predicted: boolean): void {
  const type = layers
    .flatMap(({ gate, up, down }) => (predicted ? [gate, up, down] : [up, down]))
    .find((format) => !Object.hasOwn(rowFormats, format));
  if (type)
    throw new HearthError(
      'MODEL_UNSUPPORTED',
      `neurons in ${type} cannot be skipped: write the model again with hearth sparsify`,
      { type },
    );
}

/** Biases come as a set, in all layers or in none; a half-set would be dropped silently. */
function hasAttentionBias(gguf: GgufFile, architecture: Architecture, config: ModelConfig): boolean {
  const rules = architecture.layerTensors.filter((rule) => rule.role.endsWith('Bias'));
  const total = rules.length * config.layerCount;
  let present = 0;
  for (let layer = 0; layer < config.layerCount; layer += 1)
    for (const rule of rules) if (tensorName(gguf, rule, layer)) present += 1;
  if (present !== 0 && present !== total)
    throw new HearthError('MODEL_BAD_TENSOR', `the file holds only ${present} of ${total} attention biases`, {
      present,
      total,
    });
  return present > 0;
}

function checkEmbedding(gguf: GgufFile, config: ModelConfig): void {
  const tensor = gguf.tensors.get('token_embd.weight');
  if (!tensor) throw new HearthError('MODEL_BAD_TENSOR', 'the file lacks the tensor token_embd.weight', {});
  checkShape(tensor, [config.vocabSize, config.hiddenSize]);
}

function checkRules(gguf: GgufFile, rules: readonly TensorRule[], config: ModelConfig, layer: number): void {
  for (const rule of rules) {
    const name = tensorName(gguf, rule, layer);
    if (name) checkShape(gguf.tensors.get(name)!, rule.shape(config));
  }
}

function checkShape(tensor: GgufTensor, expected: readonly number[]): void {
  if (tensor.shape.length === expected.length && tensor.shape.every((size, i) => size === expected[i]))
    return;
  throw new HearthError(
    'MODEL_BAD_TENSOR',
    `the tensor ${tensor.name} has the shape [${tensor.shape}], expected [${expected}]`,
    { tensor: tensor.name, shape: tensor.shape.join('x'), expected: expected.join('x') },
  );
}
