import { activationBytes } from '../../kernels/activations.ts';
import { encodeOne } from '../dispatch.ts';
import type { Gpu } from '../gpu.ts';
import { mostOf } from '../tile-bound.ts';
import { groupings, tokenGroups } from '../token-groups.ts';
import { addedGroups } from '../wgsl/add-rows.ts';
import { tileLists } from '../wgsl/neuron-lists.ts';
import { rowBlock } from '../wgsl/neuron-row.ts';
import { float32Bits } from '../wgsl/text.ts';
import { listedCodes } from './ffn-codes.ts';
import type { ListedProducts } from './ffn-products.ts';
import type { FfnBuffers, FfnPrograms, FfnScratch, GpuFfnShape } from './ffn-programs.ts';
import type { FfnSlab } from './ffn-slab.ts';
import { GpuPredictor, type PredictorInput } from './gpu-predictor.ts';

/** What a layer's tiles have in common, and what it takes to compute them. */
export interface ListedLayer {
  readonly products: ListedProducts;
  /** Bytes from one neuron's records to the next one's. */
  readonly recordBytes: number;
  readonly choice: NeuronLimit;
  /** Of all that is added up in the layer, here and elsewhere. */
  readonly tileCount: number;
}

/** By what neurons are chosen, but for their firing. */
export interface NeuronLimit {
  /** The threshold of scores where there is a predictor; else the cut of a SwiGLU layer, 0 for none. */
  readonly limit: number;
  readonly predictor?: PredictorInput | undefined;
}

/** Those neurons of a layer's tiles that are chosen: up and down are read of them alone. */
export class ListedFfnPrograms implements FfnPrograms {
  readonly #buffers: FfnBuffers;
  readonly #scratch: FfnScratch;
  readonly #input: GPUBuffer;
  readonly #predictor: GpuPredictor | undefined;
  /** What neurons are chosen by, multiplied by it. */
  readonly #choiceInput: GPUBuffer;
  /** By how many tokens an invocation of it takes. */
  readonly #choosing: ReadonlyMap<number, GPUComputePipeline>;
  readonly #values: GPUComputePipeline;
  readonly #adding: GPUComputePipeline;
  readonly #columnGroups: number;
  readonly #shapes: Readonly<Record<'choice' | 'rows' | 'sums', GPUBuffer>>;

  constructor(
    gpu: Gpu,
    shape: GpuFfnShape,
    buffers: FfnBuffers,
    scratch: FfnScratch,
    { products, recordBytes, choice: { limit, predictor }, tileCount }: ListedLayer,
  ) {
    const { hiddenSize, activation, maxTokens } = shape;
    const { input, choice, down } = products;
    const stride = activationBytes(input, buffers.inputColumns) / 4;
    const recordWords = recordBytes / 4;
    const codes = groupings(maxTokens).map(
      (together) => [together, listedCodes(gpu, products, activation, together)] as const,
    );
    const [, [, values, adding]] = codes[0]!;
    this.#buffers = buffers;
    this.#scratch = scratch;
    this.#input = buffers.input(input);
    this.#predictor = predictor && new GpuPredictor(gpu, shape, buffers, products.predictor!, predictor);
    this.#choiceInput = this.#predictor?.stream ?? this.#input;
    this.#choosing = new Map(codes.map(([together, [choosing]]) => [together, gpu.pipeline(choosing)]));
    this.#values = gpu.pipeline(values);
    this.#adding = gpu.pipeline(adding);
    this.#columnGroups = addedGroups(down, hiddenSize);
    this.#shapes = {
      choice: gpu.uniform([
        (predictor?.rank ?? hiddenSize) / choice.blockColumns,
        this.#predictor?.strideWords ?? stride,
        float32Bits(limit),
      ]),
      rows: gpu.uniform([hiddenSize / rowBlock, stride, recordWords]),
      sums: gpu.uniform([hiddenSize, recordWords, mostOf(tileCount)]),
    };
  }

  begin(pass: GPUComputePassEncoder, tokens: number): void {
    this.#predictor?.encode(pass, tokens);
  }

  encode(pass: GPUComputePassEncoder, slab: FfnSlab, tiles: number, tokens: number): void {
    const { scales, sums, call } = this.#buffers;
    const { neurons: lists } = this.#scratch;
    const { choice, rows, sums: added } = this.#shapes;
    const together = tokenGroups(tokens);
    const choosing = this.#choosing.get(together)!;
    const chosen = slab.bind(choosing, [this.#choiceInput, lists, choice, call.buffer]);
    encodeOne(pass, choosing, chosen, tileLists, Math.ceil(tokens / together), tiles);
    const valued = slab.bind(this.#values, [this.#input, lists, rows]);
    encodeOne(pass, this.#values, valued, tileLists, tokens, tiles);
    const summed = slab.bind(this.#adding, [lists, scales, sums, added, call.buffer]);
    encodeOne(pass, this.#adding, summed, this.#columnGroups, tokens, tiles);
  }

  close(): void {
    this.#predictor?.close();
    for (const shape of Object.values(this.#shapes)) shape.destroy();
  }
}
