import type { ModelContents } from '../../coordinator/files/write-model.ts';
import { encode, rowRanges, wholeMetadata } from '../../coordinator/quantize/quantize.ts';
import { FloatProducts } from '../../coordinator/sparsity/training/float-products.ts';
import type { Predictor } from '../../coordinator/sparsity/training/predictor.ts';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import type { GgufTensor } from '../../runtime/gguf/gguf.ts';
import type { TensorSource } from '../../runtime/gguf/writer.ts';
import type { ModelFile } from '../../runtime/model/model-file.ts';
import { inlineEncoder } from '../support/predicted-model.ts';
import { Random } from '../support/random.ts';

/** Of a neuron that fires for one token in ten, on average. */
const meanFiring = 0.1;
/**
 * Of how often neurons fire, where some are hot: with this exponent a quarter of them has four fifths of all firings, as
 * PowerInfer counted in OPT-30B.
 */
const exponent = 1.25;
const mostFiring = 0.98;

/** A layer's gates as a product, [neurons, rank] · [rank, hiddenSize], less what makes most of them negative. */
interface Factors {
  readonly outer: Float32Array;
  readonly inner: Float32Array;
}

/**
 * Random gates cannot be predicted. These can: a product of two narrow random matrices, of which a predictor of twice the
 * rank has both halves, relu(x) − relu(−x) being x. What it does not foresee is the rounding of both to a few bits.
 */
export class LowRankGates {
  readonly #model: ModelFile;
  readonly #rank: number;
  /** By neuron, what its gates lack to be normal numbers about zero. */
  readonly #silences: Float32Array;
  readonly #products = new FloatProducts(startKernels());

  /**
   * @param rank of the predictor, twice that of the gates
   * @param isSkewed whether neurons fire by a power law, in place of all as often
   */
  constructor(model: ModelFile, rank: number, isSkewed: boolean) {
    this.#model = model;
    this.#rank = rank / 2;
    const { intermediateSize } = model.config;
    const firing = isSkewed ? powerLaw(intermediateSize) : new Array(intermediateSize).fill(meanFiring);
    this.#silences = Float32Array.from(firing, normalTail);
  }

  /** The model with such gates, in the type of its own. */
  contents(): ModelContents {
    const { gguf } = this.#model;
    const tensors = [...gguf.tensors.values()].map((tensor): TensorSource => {
      const { name, shape, type } = tensor;
      const [, layer] = /^blk\.(\d+)\.ffn_gate\.weight$/.exec(name) ?? [];
      const read = () => (layer ? this.#gates(tensor, Number(layer)) : rowRanges(gguf, tensor));
      return { name, shape, type, read };
    });
    return { metadata: wholeMetadata(gguf), tensors };
  }

  predictors(): Predictor[] {
    const { layerCount, intermediateSize } = this.#model.config;
    return Array.from({ length: layerCount }, (_, layer) => {
      const { outer, inner } = this.#factors(layer);
      const output = new Float32Array(2 * outer.length);
      for (let neuron = 0; neuron < intermediateSize; neuron += 1) {
        const row = outer.subarray(neuron * this.#rank, (neuron + 1) * this.#rank);
        output.set(row, 2 * neuron * this.#rank);
        output.set(
          row.map((value) => -value),
          (2 * neuron + 1) * this.#rank,
        );
      }
      const input = new Float32Array(2 * inner.length);
      input.set(inner);
      input.set(
        inner.map((value) => -value),
        inner.length,
      );
      return { rank: 2 * this.#rank, input, output, bias: this.#silences.map((silence) => -silence) };
    });
  }

  #factors(layer: number): Factors {
    const { hiddenSize, intermediateSize } = this.#model.config;
    const random = new Random(layer + 1);
    const values = (length: number, deviation: number) =>
      random.fillNormal(new Float32Array(length), deviation);
    return {
      outer: values(intermediateSize * this.#rank, 1 / Math.sqrt(this.#rank)),
      inner: values(this.#rank * hiddenSize, 1 / Math.sqrt(hiddenSize)),
    };
  }

  async *#gates({ name, type }: GgufTensor, layer: number): AsyncGenerator<Uint8Array> {
    const { hiddenSize } = this.#model.config;
    const { outer, inner } = this.#factors(layer);
    const gates = this.#products.multiply(outer, inner, this.#rank);
    // Half of what these models' gates are multiplied by has a mean, see `shape-tensors.ts`.
    const lacking = this.#silences.map((silence) => (silence * Math.SQRT2) / hiddenSize);
    const bytes = new Uint8Array(gates.map((gate, i) => gate - lacking[Math.floor(i / hiddenSize)]!).buffer);
    yield await encode(inlineEncoder, name, { from: 'F32', to: type, bytes });
  }
}

/** How often each neuron fires: few of them often, in no order. */
function powerLaw(neurons: number): number[] {
  const random = new Random(7);
  const places = Array.from({ length: neurons }, (_, place) => ({ place, key: random.unit() }));
  places.sort((a, b) => a.key - b.key);
  const firing = (scale: number) =>
    places.map(({ place }) => Math.min(mostFiring, scale * ((place + 0.5) / neurons) ** -exponent));
  let [low, high] = [0, meanFiring];
  for (let step = 0; step < 40; step += 1) {
    const middle = (low + high) / 2;
    const sum = firing(middle).reduce((total, one) => total + one, 0);
    if (sum < meanFiring * neurons) low = middle;
    else high = middle;
  }
  return firing(low);
}

/** What so large a part of normal numbers is above (Abramowitz and Stegun, 26.2.23; off by 4.5e-4 at most). */
function normalTail(part: number): number {
  if (part > 0.5) return -normalTail(1 - part);
  const t = Math.sqrt(-2 * Math.log(part));
  const below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / below;
}
