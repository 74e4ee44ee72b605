import { type ActivationFormat, activationBytes } from '../../kernels/activations.ts';
import type { Gpu } from '../gpu.ts';
import { GpuCall } from '../gpu-call.ts';
import { sumBytes } from '../sum-bytes.ts';
import { padded } from '../wgsl/quantize.ts';

/** What goes through all layers of a call. */
export class LayerBuffers {
  readonly call: GpuCall;
  /** float32 [tokens, hiddenSize]. */
  readonly residual: GPUBuffer;
  /** float32 [tokens, padded columns]. */
  readonly normed: GPUBuffer;
  /** `normed`, quantised. */
  readonly stream: GPUBuffer;
  /** Of `rmsNorm`, float32 [tokens, 4]. */
  readonly scales: GPUBuffer;
  /** As of `addDown`. */
  readonly sums: GPUBuffer;
  /** As of `seats`. */
  readonly seats: GPUBuffer;
  /** As of `rope`. */
  readonly angles: GPUBuffer;
  /** Columns from one token of the input to the next one. */
  readonly inputColumns: number;

  /** @param seatWords for the tokens and all pages of their sequences */
  constructor(gpu: Gpu, hiddenSize: number, maxTokens: number, seatWords: number, ropePairs: number) {
    this.inputColumns = padded(hiddenSize);
    this.call = new GpuCall(gpu);
    this.residual = gpu.storage(maxTokens * hiddenSize * 4);
    this.normed = gpu.storage(maxTokens * this.inputColumns * 4);
    this.stream = gpu.storage(maxTokens * activationBytes('q8', this.inputColumns));
    this.scales = gpu.storage(maxTokens * 16);
    this.sums = gpu.storage(sumBytes(maxTokens, hiddenSize));
    this.seats = gpu.storage(seatWords * 4);
    this.angles = gpu.storage(maxTokens * ropePairs * 8);
  }

  /** The normed residual in the form that a matrix multiplies. */
  input = (form: ActivationFormat): GPUBuffer => (form === 'f32' ? this.normed : this.stream);

  close(): void {
    const { residual, normed, stream, scales, sums, seats, angles } = this;
    for (const buffer of [this.call.buffer, residual, normed, stream, scales, sums, seats, angles])
      buffer.destroy();
  }
}
