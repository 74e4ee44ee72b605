import type { GgufFile } from '../../runtime/gguf/gguf.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';

export interface OracleTensor {
  readonly name: string;
  readonly type: QuantTypeName;
  /** Outermost first: `[rows, columns]`. */
  readonly shape: readonly number[];
  /** Decoded weights, row-major. */
  readonly values: Float32Array;
}

/**
 * What the reference forwards know of a model: read anew from the file, apart from the runtime's model code, so
 * that a mistake there does not hide here.
 */
export interface OracleModel {
  readonly layerCount: number;
  readonly hiddenSize: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly epsilon: number;
  readonly rope: OracleRope;
  /** Of gate and up. */
  readonly activation: 'silu' | 'relu' | 'relu2' | 'drelu';
  /** By GGUF name. */
  readonly tensors: ReadonlyMap<string, OracleTensor>;
}

export interface OracleRope {
  /** Llama rotates neighbours (2i, 2i+1), Qwen2 halves (i, i + dimensions/2). */
  readonly pairs: 'neighbours' | 'halves';
  readonly dimensions: number;
  readonly base: number;
  readonly scaling: 'none' | 'linear' | 'yarn';
  readonly factor: number;
  readonly originalContextLength: number;
  readonly attentionFactor: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  /** [dimensions/2] divisors of the frequencies, or none. */
  readonly frequencyFactors?: Float32Array;
}

/** Reads a whole model, every tensor decoded to float32: for small files only. */
export async function readOracleModel(gguf: GgufFile): Promise<OracleModel> {
  const architecture = gguf.metadata.string('general.architecture');
  const integer = (key: string) =>
    gguf.metadata.optionalInteger(`${architecture}.${key}`, { min: 0, max: 2 ** 31 }) ?? undefined;
  const tensors = new Map<string, OracleTensor>();
  for (const tensor of gguf.tensors.values()) {
    if (tensor.name.endsWith('weight') || tensor.name.endsWith('bias'))
      tensors.set(tensor.name, await decodeTensor(gguf, tensor.name));
  }
  for (const [name, tensor] of tensors)
    if (name.endsWith('ffn_down_t.weight')) tensors.set(name.replace('_t.', '.'), transposed(tensor));
  const embedding = tensors.get('token_embd.weight')!;
  const headCount = integer('attention.head_count')!;
  const headDim = integer('attention.key_length') ?? embedding.shape[1]! / headCount;
  return {
    layerCount: integer('block_count')!,
    hiddenSize: embedding.shape[1]!,
    headCount,
    kvHeadCount: integer('attention.head_count_kv') ?? headCount,
    headDim,
    vocabSize: embedding.shape[0]!,
    epsilon: gguf.metadata.number(`${architecture}.attention.layer_norm_rms_epsilon`),
    rope: readRope(gguf, architecture, headDim, tensors.get('rope_freqs.weight')?.values),
    activation: readActivation(gguf, architecture),
    tensors,
  };
}

function readActivation(gguf: GgufFile, architecture: string): OracleModel['activation'] {
  const stated = gguf.metadata.optionalString(`${architecture}.hidden_activation`) ?? 'silu';
  if (stated === 'silu' || stated === 'relu' || stated === 'relu2' || stated === 'drelu') return stated;
  throw new Error(`no oracle for ${stated}`);
}

function transposed({ name, type, shape, values }: OracleTensor): OracleTensor {
  const [rows, columns] = shape as [number, number];
  const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
  return { name, type, shape: [columns, rows], values: turned };
}

async function decodeTensor(gguf: GgufFile, name: string): Promise<OracleTensor> {
  const { type, shape } = gguf.tensors.get(name)!;
  const format = quantFormatNamed(type);
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const byteLength = (values.length / format.blockSize) * format.blockBytes;
  format.decode(await gguf.readTensor(name, 0, byteLength), values);
  return { name, type, shape, values };
}

function readRope(
  gguf: GgufFile,
  architecture: string,
  headDim: number,
  frequencyFactors: Float32Array | undefined,
): OracleRope {
  const key = (name: string) => `${architecture}.rope.${name}`;
  const number = (name: string) => gguf.metadata.optionalNumber(key(name));
  const scaling = gguf.metadata.optionalString(key('scaling.type')) ?? 'none';
  if (scaling !== 'none' && scaling !== 'linear' && scaling !== 'yarn')
    throw new Error(`no oracle for ${scaling}`);
  return {
    pairs: architecture === 'llama' ? 'neighbours' : 'halves',
    dimensions: number('dimension_count') ?? headDim,
    base: number('freq_base') ?? 10000,
    scaling,
    factor: number('scaling.factor') ?? 1,
    originalContextLength: number('scaling.original_context_length') ?? 0,
    attentionFactor: number('scaling.attn_factor') ?? 1,
    betaFast: number('scaling.yarn_beta_fast') ?? 32,
    betaSlow: number('scaling.yarn_beta_slow') ?? 1,
    ...(frequencyFactors && { frequencyFactors }),
  };
}

/** A tensor that must be there. */
export function tensorOf(model: OracleModel, name: string): OracleTensor {
  const tensor = model.tensors.get(name);
  if (!tensor) throw new Error(`the model lacks ${name}`);
  return tensor;
}

/** The output head, which is the embedding where the file has no other. */
export function headOf(model: OracleModel): OracleTensor {
  return model.tensors.get('output.weight') ?? tensorOf(model, 'token_embd.weight');
}
