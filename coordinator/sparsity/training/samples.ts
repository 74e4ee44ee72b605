import type { GateProbe } from '../../../runtime/decoder/rank-options.ts';
import type { ModelConfig } from '../../../runtime/model/config.ts';
import { quantFormatNamed } from '../../../runtime/quant/registry.ts';

/** What samples of all layers may take of the memory. */
const mostBytes = 2 ** 30;
/** Neighbours are alike, so tokens are set apart in runs; of eight, one measures, and one checks what was measured. */
const runTokens = 32;
const apart = 8;

/** Inputs are kept as the kernels multiply them: in 8 bits, a scale for each 32. */
const format = quantFormatNamed('Q8_0');

/**
 * A gate above zero is kept as a byte: five bits of its exponent, from 2^-24 up, and three of its mantissa, which is within
 * 7 %. A gate that is not is 0.
 */
const gateValues = Float32Array.from({ length: 256 }, (_, code) =>
  code === 0 ? 0 : 2 ** ((code >> 3) - 24) * (1 + (code & 7) / 8),
);
const word = new Float32Array(1);
const wordBits = new Uint32Array(word.buffer);

function gateCode(gate: number): number {
  if (!(gate > 0)) return 0;
  word[0] = gate;
  return Math.min(255, Math.max(1, (wordBits[0]! >>> 20) - (103 << 3)));
}

/** A layer's FFN inputs and their gates, for some tokens of a text. */
export class LayerSamples {
  readonly hiddenSize: number;
  readonly neurons: number;
  count = 0;
  readonly #inputs: Uint8Array;
  readonly #gates: Uint8Array;

  constructor({ hiddenSize, intermediateSize }: ModelConfig, tokens: number) {
    this.hiddenSize = hiddenSize;
    this.neurons = intermediateSize;
    this.#inputs = new Uint8Array(tokens * inputBytes(hiddenSize));
    this.#gates = new Uint8Array(tokens * intermediateSize);
  }

  setInput(token: number, input: Float32Array): void {
    format.encode!(input, this.#inputs.subarray(...this.#inputAt(token)));
  }

  setGate(token: number, neuron: number, gate: number): void {
    this.#gates[token * this.neurons + neuron] = gateCode(gate);
  }

  /** float32 [tokens, hiddenSize] */
  inputs(tokens: readonly number[]): Float32Array {
    const { hiddenSize } = this;
    const inputs = new Float32Array(tokens.length * hiddenSize);
    tokens.forEach((token, i) => {
      const row = inputs.subarray(i * hiddenSize, (i + 1) * hiddenSize);
      format.decode(this.#inputs.subarray(...this.#inputAt(token)), row);
    });
    return inputs;
  }

  /** float32 [tokens, neurons], above zero where a neuron fired */
  gates(tokens: readonly number[]): Float32Array {
    const { neurons } = this;
    const gates = new Float32Array(tokens.length * neurons);
    tokens.forEach((token, i) => {
      const codes = this.#gates.subarray(token * neurons, (token + 1) * neurons);
      for (let neuron = 0; neuron < neurons; neuron += 1)
        gates[i * neurons + neuron] = gateValues[codes[neuron]!]!;
    });
    return gates;
  }

  /** For how many of these tokens each neuron fired. */
  firings(tokens: readonly number[]): number[] {
    const counts = new Array<number>(this.neurons).fill(0);
    for (const token of tokens)
      for (let neuron = 0; neuron < this.neurons; neuron += 1)
        if (this.#gates[token * this.neurons + neuron]! > 0) counts[neuron]! += 1;
    return counts;
  }

  /** Tokens to train on, to set the bias by, and to tell what came of it. */
  parts(): { training: number[]; calibration: number[]; test: number[] } {
    const tokens = Array.from({ length: this.count }, (_, token) => token);
    const place = (token: number) => Math.floor(token / runTokens) % apart;
    return {
      training: tokens.filter((token) => place(token) < apart - 2),
      calibration: tokens.filter((token) => place(token) === apart - 2),
      test: tokens.filter((token) => place(token) === apart - 1),
    };
  }

  #inputAt(token: number): [first: number, end: number] {
    const bytes = inputBytes(this.hiddenSize);
    return [token * bytes, (token + 1) * bytes];
  }
}

function inputBytes(hiddenSize: number): number {
  return (hiddenSize / format.blockSize) * format.blockBytes;
}

/** Fewest tokens of which each part has some. */
export const fewestSamples = runTokens * apart;

/**
 * Gathers samples of all layers while a text is read, from its beginning as far as memory for them goes.
 * @param tokens of the text
 */
export function gatherSamples(
  config: ModelConfig,
  tokens: number,
): { layers: LayerSamples[]; probe: GateProbe } {
  const { layerCount, hiddenSize, intermediateSize } = config;
  const bytesEach = layerCount * (inputBytes(hiddenSize) + intermediateSize);
  const most = Math.min(tokens, Math.floor(mostBytes / bytesEach));
  const layers = Array.from({ length: layerCount }, () => new LayerSamples(config, most));
  const probe: GateProbe = ({ layer, first, count }, gates, stride, inputs) => {
    const samples = layers[layer]!;
    const rows = Math.min(gates.length / stride, most - samples.count);
    for (let row = 0; row < rows; row += 1) {
      const token = samples.count + row;
      if (first === 0) samples.setInput(token, inputs.subarray(row * hiddenSize, (row + 1) * hiddenSize));
      for (let i = 0; i < count; i += 1) samples.setGate(token, first + i, gates[row * stride + i]!);
    }
    if (first + count === intermediateSize) samples.count += rows;
  };
  return { layers, probe };
}
