import type { ActivationFormat } from '../../kernels/activations.ts';
import type { FfnActivation } from '../../model/config.ts';
import type { GpuCall } from '../gpu-call.ts';
import type { FfnSlab } from './ffn-slab.ts';

export interface GpuFfnShape {
  readonly hiddenSize: number;
  readonly activation: FfnActivation;
  /** Most tokens of a call. */
  readonly maxTokens: number;
  /** Most tiles of a layer. */
  readonly maxTiles: number;
}

/** Whose buffers FFN tiles are read from and added to. */
export interface FfnBuffers {
  readonly call: GpuCall;
  /** Tokens in the form that gates multiply. */
  readonly input: (form: ActivationFormat) => GPUBuffer;
  /** Columns from one token of the input to the next one. */
  readonly inputColumns: number;
  /** Of `rmsNorm`. */
  readonly scales: GPUBuffer;
  /** As of `fixedPoint`. */
  readonly sums: GPUBuffer;
}

/** What stands between the programs of a layer, for all layers. */
export interface FfnScratch {
  /** Neurons as `gatedNeurons` writes them, or `neuronLists`. */
  readonly neurons: GPUBuffer;
  /** Neurons in the form that down multiplies. */
  readonly hidden: GPUBuffer;
}

/** What computes tiles of a layer: dispatches in their order, from the input to sums in fixed point. */
export interface FfnPrograms {
  /** Once before the tiles of a layer. */
  begin?(pass: GPUComputePassEncoder, tokens: number): void;
  /** The first tiles of a slab, for the tokens of the call. */
  encode(pass: GPUComputePassEncoder, slab: FfnSlab, tiles: number, tokens: number): void;
  close(): void;
}
