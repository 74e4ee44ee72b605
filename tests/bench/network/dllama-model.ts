import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { encodeRows } from '../../../coordinator/quantize/encode-rows.ts';
import type { GgufFile } from '../../../runtime/gguf/gguf.ts';
import type { ModelFile } from '../../../runtime/model/model-file.ts';
import type { QuantTypeName } from '../../../runtime/quant/format.ts';
import { readVocabulary } from '../../../runtime/tokenizer/gguf-vocabulary.ts';
import { Vocabulary } from '../../../runtime/tokenizer/vocabulary.ts';

/** Keys of a model's header, each followed by an int32: distributed-llama's src/llm.hpp, `LlmHeaderKey`. */
const modelKey = {
  version: 0,
  archType: 1,
  dim: 2,
  hiddenDim: 3,
  layers: 4,
  heads: 5,
  kvHeads: 6,
  experts: 7,
  activeExperts: 8,
  vocabSize: 9,
  seqLen: 10,
  hiddenAct: 11,
  ropeTheta: 12,
  weightType: 13,
  ropeFactor: 14,
  ropeLowFrequencyFactor: 15,
  ropeHighFrequencyFactor: 16,
  ropeOriginalSeqLen: 17,
  ropeType: 18,
  headDim: 19,
  normEpsilon: 20,
} as const;
const modelMagic = 0x0a00abcd;
const llamaArch = 0xabcd00;
const silu = 1;
const q40 = 2;
const llama31Rope = 2;
/** Millionths of the norms' epsilon → what stands for it. */
const epsilonExponents = new Map([
  [10, 5],
  [1, 6],
]);

/** src/tokenizer.hpp, `TokenizerHeaderKey`. */
const tokenizerKey = {
  version: 0,
  vocabSize: 1,
  maxTokenLength: 2,
  bosId: 3,
  eosCount: 9,
  addBos: 10,
} as const;
const tokenizerMagic = 0x567124;

/** Bytes of a tensor that are encoded at once. */
const bandBytes = 1 << 21;
const utf8 = new TextEncoder();

/**
 * Writes a model of the Llama family in distributed-llama's format: the embedding in float32, all matrices in Q4_0,
 * whose blocks and whose order of Q and K rows are GGUF's. What has another type, such as the head, is encoded anew.
 * @throws Error for what that program does not know
 */
export async function writeDllamaModel(model: ModelFile, path: string): Promise<void> {
  await pipeline(Readable.from(modelPieces(model)), createWriteStream(path));
}

/** Writes the vocabulary in distributed-llama's format. Its tokenizer merges by scores, also where there are none. */
export async function writeDllamaTokenizer(gguf: GgufFile, path: string): Promise<void> {
  await pipeline(Readable.from(tokenizerPieces(gguf)), createWriteStream(path));
}

export async function* modelPieces(model: ModelFile): AsyncGenerator<Uint8Array> {
  const { gguf, config } = model;
  yield header(modelMagic, await modelEntries(model));
  yield* tensorAs(gguf, 'token_embd', 'F32');
  for (let layer = 0; layer < config.layerCount; layer += 1) {
    for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_down', 'ffn_up'])
      yield* tensorAs(gguf, `blk.${layer}.${name}`, 'Q4_0');
    for (const name of ['attn_norm', 'ffn_norm']) yield* tensorAs(gguf, `blk.${layer}.${name}`, 'F32');
  }
  yield* tensorAs(gguf, 'output_norm', 'F32');
  yield* tensorAs(gguf, gguf.tensors.has('output.weight') ? 'output' : 'token_embd', 'Q4_0');
}

async function modelEntries({ gguf, config }: ModelFile): Promise<[number, number][]> {
  const { rope } = config;
  const plain = config.architecture === 'llama' && rope.scaling.kind === 'none';
  const normEpsilon = epsilonExponents.get(Math.round(config.normEpsilon * 1e6));
  if (!plain || normEpsilon === undefined || rope.dimensions !== config.headDim)
    throw new Error(`distributed-llama does not know what ${gguf.name} is`);
  return [
    [modelKey.version, 0],
    [modelKey.archType, llamaArch],
    [modelKey.hiddenAct, silu],
    [modelKey.dim, config.hiddenSize],
    [modelKey.hiddenDim, config.intermediateSize],
    [modelKey.layers, config.layerCount],
    [modelKey.heads, config.headCount],
    [modelKey.kvHeads, config.kvHeadCount],
    [modelKey.experts, 0],
    [modelKey.activeExperts, 0],
    [modelKey.vocabSize, config.vocabSize],
    [modelKey.seqLen, config.contextLength],
    [modelKey.ropeTheta, rope.base],
    [modelKey.weightType, q40],
    [modelKey.headDim, config.headDim],
    [modelKey.normEpsilon, normEpsilon],
    ...(await ropeEntries(gguf)),
  ];
}

/** Llama 3's frequency factors, of which a file keeps only the result: the largest is the factor itself. */
async function ropeEntries(gguf: GgufFile): Promise<[number, number][]> {
  const { name } = gguf.tensors.get('rope_freqs.weight') ?? {};
  if (!name) return [];
  const bytes = await gguf.readTensor(name);
  const factors = new Float32Array(bytes.slice().buffer);
  return [
    [modelKey.ropeFactor, Math.round(Math.max(...factors))],
    [modelKey.ropeLowFrequencyFactor, 1],
    [modelKey.ropeHighFrequencyFactor, 4],
    [modelKey.ropeOriginalSeqLen, 8192],
    [modelKey.ropeType, llama31Rope],
  ];
}

async function* tensorAs(gguf: GgufFile, name: string, type: QuantTypeName): AsyncGenerator<Uint8Array> {
  const tensor = gguf.tensors.get(`${name}.weight`);
  if (!tensor) throw new Error(`${gguf.name} has no ${name}.weight`);
  const rows = Math.max(1, Math.floor(bandBytes / tensor.rowByteLength));
  for (let at = 0; at < tensor.byteLength; at += rows * tensor.rowByteLength) {
    const length = Math.min(rows * tensor.rowByteLength, tensor.byteLength - at);
    const bytes = await gguf.readTensor(tensor.name, at, length);
    if (tensor.type === type) {
      yield bytes;
      continue;
    }
    const encoded = encodeRows({ from: tensor.type, to: type, bytes });
    if (!encoded) throw new Error(`${tensor.name} of ${gguf.name} has an element that cannot be stored`);
    yield encoded;
  }
}

export function* tokenizerPieces(gguf: GgufFile): Generator<Uint8Array> {
  const description = readVocabulary(gguf.metadata);
  const vocabulary = new Vocabulary(description);
  const ids = description.tokens.keys();
  // What stands for nothing must have a text all the same.
  const tokens = Array.from(ids, (id) => {
    const bytes = vocabulary.bytes(id);
    return bytes.length > 0 ? bytes : utf8.encode(description.tokens[id] || `[${id}]`);
  });
  const bosId = vocabulary.bosId ?? vocabulary.eosId ?? tokens.length - 1;
  const ends = vocabulary.endOfGenerationIds();
  yield header(tokenizerMagic, [
    [tokenizerKey.version, 1],
    [tokenizerKey.vocabSize, tokens.length],
    [tokenizerKey.maxTokenLength, tokens.reduce((most, { length }) => Math.max(most, length), 0)],
    [tokenizerKey.bosId, bosId],
    [tokenizerKey.eosCount, ends.length],
    [tokenizerKey.addBos, description.addBos ? 1 : 0],
  ]);
  yield ints(ends);
  for (const [id, bytes] of tokens.entries()) {
    const token = Buffer.alloc(8 + bytes.length);
    token.writeFloatLE(description.scores?.[id] ?? -id, 0);
    token.writeUInt32LE(bytes.length, 4);
    token.set(bytes, 8);
    yield token;
  }
}

/** A magic number, the header's length in bytes, then keys and values. */
function header(magic: number, entries: readonly (readonly [number, number])[]): Uint8Array {
  return ints([magic, 8 + 8 * entries.length, ...entries.flat()]);
}

function ints(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeInt32LE(value, 4 * i);
  return bytes;
}
