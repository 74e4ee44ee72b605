import { activationBytes } from '../kernels/activations.ts';
import { listedCodes } from './ffn-codes.ts';
import type { ListedProducts } from './ffn-products.ts';
import type { FfnBuffers, FfnPrograms, FfnScratch, GpuFfnShape } from './ffn-programs.ts';
import type { FfnSlab } from './ffn-slab.ts';
import type { Gpu } from './gpu.ts';
import { mostOf } from './tile-bound.ts';
import { groupings, tokenGroups } from './token-groups.ts';
import { addedGroups } from './wgsl/add-rows.ts';
import { tileLists } from './wgsl/neuron-lists.ts';
import { float32Bits } from './wgsl/text.ts';

/** What a layer's tiles have in common, and what it takes to compute them. */
export interface ListedLayer {
  readonly products: ListedProducts;
  /** Bytes from one neuron's records to the next one's. */
  readonly recordBytes: number;
  /** Neurons of a SwiGLU model are left out whose |silu(gate)| is below it; 0: none. */
  readonly cut: number;
  /** Of all that is added up in the layer, here and elsewhere. */
  readonly tileCount: number;
}

/** Those neurons of a layer's tiles that their gates choose: up and down are read of them alone. */
export class ListedFfnPrograms implements FfnPrograms {
  readonly #buffers: FfnBuffers;
  readonly #scratch: FfnScratch;
  readonly #input: GPUBuffer;
  /** By how many tokens' gates an invocation computes. */
  readonly #choosing: ReadonlyMap<number, GPUComputePipeline>;
  readonly #values: GPUComputePipeline;
  readonly #adding: GPUComputePipeline;
  readonly #columnGroups: number;
  readonly #shapes: Readonly<Record<'gates' | 'rows' | 'sums', GPUBuffer>>;

  constructor(
    gpu: Gpu,
    { hiddenSize, activation, maxTokens }: GpuFfnShape,
    buffers: FfnBuffers,
    scratch: FfnScratch,
    { products, recordBytes, cut, tileCount }: ListedLayer,
  ) {
    const { gate, down } = products;
    const stride = activationBytes(gate.activation, buffers.inputColumns) / 4;
    const recordWords = recordBytes / 4;
    const codes = groupings(maxTokens).map(
      (together) => [together, listedCodes(gpu, products, activation, together)] as const,
    );
    const [, [, values, adding]] = codes[0]!;
    this.#buffers = buffers;
    this.#scratch = scratch;
    this.#input = buffers.input(gate.activation);
    this.#choosing = new Map(codes.map(([together, [choosing]]) => [together, gpu.pipeline(choosing)]));
    this.#values = gpu.pipeline(values);
    this.#adding = gpu.pipeline(adding);
    this.#columnGroups = addedGroups(down, hiddenSize);
    this.#shapes = {
      gates: gpu.uniform([hiddenSize / gate.blockColumns, stride, float32Bits(cut)]),
      rows: gpu.uniform([hiddenSize / gate.blockColumns, stride, recordWords]),
      sums: gpu.uniform([hiddenSize, recordWords, mostOf(tileCount)]),
    };
  }

  encode(pass: GPUComputePassEncoder, slab: FfnSlab, tiles: number, tokens: number): void {
    const { scales, sums, call } = this.#buffers;
    const { neurons: lists } = this.#scratch;
    const { gates: gatesShape, rows: rowsShape, sums: sumsShape } = this.#shapes;
    const together = tokenGroups(tokens);
    const choosing = this.#choosing.get(together)!;
    pass.setPipeline(choosing);
    pass.setBindGroup(0, slab.bind(choosing, [this.#input, lists, gatesShape, call.buffer]));
    pass.dispatchWorkgroups(tileLists, Math.ceil(tokens / together), tiles);
    pass.setPipeline(this.#values);
    pass.setBindGroup(0, slab.bind(this.#values, [this.#input, lists, rowsShape]));
    pass.dispatchWorkgroups(tileLists, tokens, tiles);
    pass.setPipeline(this.#adding);
    pass.setBindGroup(0, slab.bind(this.#adding, [lists, scales, sums, sumsShape, call.buffer]));
    pass.dispatchWorkgroups(this.#columnGroups, tokens, tiles);
  }

  close(): void {
    for (const shape of Object.values(this.#shapes)) shape.destroy();
  }
}
