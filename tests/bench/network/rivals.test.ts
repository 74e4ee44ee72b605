import { describe, expect, it } from 'vitest';
import { openModelFile } from '../../../runtime/model/model-file.ts';
import { quantFormatNamed } from '../../../runtime/quant/registry.ts';
import { memorySource } from '../../support/memory-source.ts';
import { smallShape, syntheticModel } from '../../support/synthetic-model.ts';
import { modelPieces, tokenizerPieces } from './dllama-model.ts';

const load = (name: string) => import(new URL(name, import.meta.url).href);
const { ratesOf: dllamaRates } = await load('dllama.mjs');
const { ratesOf: llamaRates } = await load('llama-rpc.mjs');
const { parseLink } = await load('link.mjs');

async function written(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Magic number, header's length, then keys and values, all int32. */
function headerOf(bytes: Buffer) {
  const length = bytes.readInt32LE(4);
  const entries = new Map<number, number>();
  for (let at = 8; at < length; at += 8) entries.set(bytes.readInt32LE(at), bytes.readInt32LE(at + 4));
  return { magic: bytes.readInt32LE(0), length, entries };
}

async function model(options = {}) {
  return openModelFile(memorySource(await syntheticModel({ ...smallShape, type: 'Q4_0', ...options })));
}

describe("distributed-llama's model file", () => {
  it('holds the tensors in its order, each once', async () => {
    const opened = await model();
    const { hiddenSize, layerCount, vocabSize } = opened.config;
    const bytes = await written(modelPieces(opened));
    const { magic, length, entries } = headerOf(bytes);
    expect(magic).toBe(0x0a00abcd);
    expect(entries.get(2)).toBe(hiddenSize);
    expect(entries.get(4)).toBe(layerCount);
    expect(entries.get(13)).toBe(2);
    const sizeOf = (name: string) => opened.gguf.tensors.get(`${name}.weight`)!.byteLength;
    const matrices = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_down', 'ffn_up'];
    const matrixBytes = matrices.reduce(
      (sum, name) => sum + sizeOf(`blk.0.${name}`),
      sizeOf('output') / layerCount,
    );
    const normBytes = 4 * hiddenSize * (2 * layerCount + 1);
    const embeddingBytes = 4 * hiddenSize * vocabSize;
    expect(bytes.length).toBe(length + embeddingBytes + layerCount * matrixBytes + normBytes);

    const first = await opened.gguf.readTensor('blk.0.attn_q.weight');
    const start = length + embeddingBytes;
    expect(Buffer.compare(bytes.subarray(start, start + first.length), first)).toBe(0);
    const last = await opened.gguf.readTensor('output.weight');
    expect(Buffer.compare(bytes.subarray(bytes.length - last.length), last)).toBe(0);

    const row = new Float32Array(hiddenSize);
    quantFormatNamed('Q4_0').decode(
      await opened.gguf.readTensor('token_embd.weight', 0, (hiddenSize / 32) * 18),
      row,
    );
    expect(new Set(row).size).toBeGreaterThan(50);
    expect(Array.from(row, (_, i) => bytes.readFloatLE(length + 4 * i))).toEqual([...row]);
  });

  it('encodes the head anew where it has another type, or is the embedding', async () => {
    const opened = await model({
      type: (role: string) => (role === 'embedding' ? 'Q6_K' : 'Q4_0'),
      tiedEmbeddings: true,
      ropeFactors: true,
    });
    const bytes = await written(modelPieces(opened));
    const { vocabSize, hiddenSize } = opened.config;
    const { entries } = headerOf(bytes);
    expect(entries.get(18)).toBe(2);
    expect(entries.get(14)).toBeGreaterThan(1);
    const head = bytes.subarray(bytes.length - (vocabSize * hiddenSize * 18) / 32);
    const values = new Float32Array(vocabSize * hiddenSize);
    quantFormatNamed('Q4_0').decode(head, values);
    const exact = new Float32Array(values.length);
    quantFormatNamed('Q6_K').decode(await opened.gguf.readTensor('token_embd.weight'), exact);
    const distance = Math.hypot(...values.slice(0, 4096).map((value, i) => value - exact[i]!));
    expect(distance / Math.hypot(...exact.subarray(0, 4096))).toBeLessThan(0.15);
  });

  it.each(['bpe', 'spm'] as const)('has every token of a vocabulary, %s', async (vocabulary) => {
    const { gguf, config } = await model({ vocabulary });
    const bytes = await written(tokenizerPieces(gguf));
    const { magic, length, entries } = headerOf(bytes);
    expect(magic).toBe(0x567124);
    const texts: string[] = [];
    let at = length + 4 * entries.get(9)!;
    while (at < bytes.length) {
      const byteLength = bytes.readUInt32LE(at + 4);
      expect(byteLength).toBeGreaterThan(0);
      texts.push(bytes.toString('utf8', at + 8, at + 8 + byteLength));
      at += 8 + byteLength;
    }
    expect(at).toBe(bytes.length);
    expect(texts).toHaveLength(config.vocabSize);
    expect(texts).toContain('e');
    expect(texts).toContain(' ');
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBe(entries.get(2));
  });

  it('is not written of a model that it cannot tell of', async () => {
    const opened = await model({ ropeScaling: { kind: 'linear', factor: 2 } });
    await expect(written(modelPieces(opened))).rejects.toThrow(/does not know/);
  });
});

describe('what rivals say', () => {
  it('is read from dllama', () => {
    const said =
      'text\n🔶 Pred   40 ms Sync   12 ms | x\n\nEvaluation\n   nBatches: 32\n    nTokens: 33\n   tokens/s: 27.07 (36.94 ms/tok)\nPrediction\n    nTokens: 11\n   tokens/s: 3.07 (326.13 ms/tok)\n';
    expect(dllamaRates(said)).toEqual({ prefill: 27.07, decode: 3.07 });
  });

  it('is read from llama-bench', () => {
    const line = (prompt: number, generate: number, rates: number[]) =>
      `${JSON.stringify({ n_prompt: prompt, n_gen: generate, samples_ts: rates })}\n`;
    const said = `llama-bench: benchmark 1/2: prompt run 1/3\n${line(128, 0, [90, 80, 100])}llama-bench: benchmark 2/2: starting\n${line(0, 32, [7, 9, 8])}`;
    expect(llamaRates(said)).toEqual({ prefill: 90, decode: 8 });
  });
});

describe('a link', () => {
  it('is written as delay, rate and jitter', () => {
    expect(parseLink('2ms/100mbit')).toEqual({ delayMs: 2, rateMbit: 100, jitterMs: 0 });
    expect(parseLink('0.5ms/54mbit/0.2ms')).toEqual({ delayMs: 0.5, rateMbit: 54, jitterMs: 0.2 });
    expect(() => parseLink('2ms')).toThrow(/written as/);
  });
});
