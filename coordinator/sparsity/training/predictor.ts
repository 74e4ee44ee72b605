import type { QuantTypeName } from '../../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../../runtime/quant/registry.ts';
import type { FloatProducts } from './float-products.ts';
import type { LayerSamples } from './samples.ts';

/** A layer's predictor: score = output · relu(input · x) + bias, in log-odds of firing. */
export interface Predictor {
  readonly rank: number;
  /** [rank, hiddenSize] */
  readonly input: Float32Array;
  /** [neurons, rank] */
  readonly output: Float32Array;
  /** [neurons] */
  readonly bias: Float32Array;
}

/** What a predictor finds at threshold 0. */
export interface Quality {
  /** Of the neurons that fire, how many it finds. */
  readonly recall: number;
  /** Of all neurons, how many it names. */
  readonly named: number;
}

/** The share of firing neurons that a predictor must find. */
export const wantedRecall = 0.95;
/** The bias is set for a little more: other tokens are not those that it was set by. */
const recallMargin = 0.005;
/** Tokens that are scored at once. */
const chunkTokens = 256;

/** With its matrices as a type rounds them. */
export function rounded(predictor: Predictor, type: QuantTypeName): Predictor {
  const round = (matrix: Float32Array): Float32Array => {
    const decoded = new Float32Array(matrix.length);
    quantFormatNamed(type).decode(encoded(matrix, type), decoded);
    return decoded;
  };
  return { ...predictor, input: round(predictor.input), output: round(predictor.output) };
}

export function encoded(matrix: Float32Array, type: QuantTypeName): Uint8Array {
  const { blockSize, blockBytes, encode } = quantFormatNamed(type);
  const bytes = new Uint8Array((matrix.length / blockSize) * blockBytes);
  encode!(matrix, bytes);
  return bytes;
}

/** With a bias by which it finds as many of these tokens' firing neurons as are wanted, at threshold 0. */
export function calibrated(
  predictor: Predictor,
  samples: LayerSamples,
  tokens: readonly number[],
  products: FloatProducts,
): Predictor {
  const firing: number[] = [];
  eachScore(predictor, samples, tokens, products, (score, fired) => {
    if (fired) firing.push(score);
  });
  firing.sort((a, b) => a - b);
  const missed = Math.floor((1 - wantedRecall - recallMargin) * firing.length);
  const shift = firing[missed] ?? 0;
  return { ...predictor, bias: predictor.bias.map((bias) => bias - shift) };
}

export function qualityOf(
  predictor: Predictor,
  samples: LayerSamples,
  tokens: readonly number[],
  products: FloatProducts,
): Quality {
  let [firing, found, named] = [0, 0, 0];
  eachScore(predictor, samples, tokens, products, (score, fired) => {
    firing += fired ? 1 : 0;
    named += score >= 0 ? 1 : 0;
    found += fired && score >= 0 ? 1 : 0;
  });
  return { recall: firing > 0 ? found / firing : 1, named: named / (tokens.length * samples.neurons) };
}

function eachScore(
  { input, output, bias, rank }: Predictor,
  samples: LayerSamples,
  tokens: readonly number[],
  products: FloatProducts,
  visit: (score: number, fired: boolean) => void,
): void {
  for (let first = 0; first < tokens.length; first += chunkTokens) {
    const chunk = tokens.slice(first, first + chunkTokens);
    const hidden = products.multiply(samples.inputs(chunk), input, samples.hiddenSize, true);
    const scores = products.multiply(
      hidden.map((value) => Math.max(0, value)),
      output,
      rank,
      true,
    );
    const gates = samples.gates(chunk);
    for (let i = 0; i < scores.length; i += 1) visit(scores[i]! + bias[i % bias.length]!, gates[i]! > 0);
  }
}
