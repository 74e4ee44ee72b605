import { activationBytes } from '../../kernels/activations.ts';
import { CallDelays } from '../call-delays.ts';
import type { Gpu } from '../gpu.ts';
import { GpuCall } from '../gpu-call.ts';
import { type GpuClock, Readback } from '../readback.ts';
import { sumBytes } from '../sum-bytes.ts';
import { FfnLayers, type LayerTiles } from './ffn-layers.ts';
import type { GpuFfnShape } from './ffn-programs.ts';

/** What a GPU has added up of a layer: the bits that `addPartial` would have added. */
export interface GpuFfnSums {
  /** As `addPartial` returns them. */
  readonly flags: number;
  /** int32 [tokens × hiddenSize], in the tokens' fine and coarse units. */
  readonly fine: Int32Array;
  readonly coarse: Int32Array;
}

/**
 * Neurons of some layers' tiles, on a GPU. A call takes the normed input in the form that the layer's matrices multiply
 * and brings back sums in fixed point; what is between stays on the GPU.
 */
export class GpuFfn {
  readonly #gpu: Gpu;
  readonly #shape: GpuFfnShape;
  readonly #layers: FfnLayers;
  readonly #call: GpuCall;
  readonly #input: GPUBuffer;
  readonly #scales: GPUBuffer;
  readonly #sums: GPUBuffer;
  readonly #readback: Readback;
  readonly #delays = new CallDelays();

  constructor(gpu: Gpu, clock: GpuClock, shape: GpuFfnShape) {
    const { hiddenSize, maxTokens } = shape;
    this.#gpu = gpu;
    this.#shape = shape;
    this.#call = new GpuCall(gpu);
    this.#input = gpu.storage(maxTokens * activationBytes('f32', hiddenSize));
    this.#scales = gpu.storage(maxTokens * 16);
    this.#sums = gpu.storage(sumBytes(maxTokens, hiddenSize));
    this.#readback = new Readback(gpu, clock, sumBytes(maxTokens, hiddenSize));
    this.#layers = new FfnLayers(gpu, shape, {
      call: this.#call,
      input: () => this.#input,
      inputColumns: hiddenSize,
      scales: this.#scales,
      sums: this.#sums,
    });
  }

  /** See `FfnLayers`. */
  hold(layer: number, tiles: LayerTiles): void {
    this.#layers.hold(layer, tiles);
  }

  /**
   * Has each program compute once: what a driver compiles late no step is to wait for.
   * @throws HearthError GPU_LOST
   */
  async warmUp(): Promise<void> {
    const { maxTokens, hiddenSize } = this.#shape;
    for (const layer of this.#layers.kinds) {
      for (const tokens of new Set([1, Math.min(2, maxTokens)])) {
        const bytes = tokens * activationBytes(this.#layers.activationOf(layer), hiddenSize);
        this.begin(layer, 1, tokens, new Uint8Array(bytes), new Uint8Array(tokens * 16));
        await this.sums(tokens);
      }
    }
    this.#delays.isWarm = true;
  }

  /**
   * Starts the first tiles of a layer for some tokens; `sums` brings what comes of it. Both views are read before it
   * returns.
   * @param tiles how many, at most all that are held
   * @param input the tokens' activations, in the form of the layer's gate
   * @param scales of `rmsNorm`, float32 [tokens, 4]
   * @throws HearthError GPU_LOST
   */
  begin(
    layer: number,
    tiles: number,
    tokens: number,
    input: Uint8Array<ArrayBuffer>,
    scales: Uint8Array<ArrayBuffer>,
  ): void {
    this.#gpu.check();
    const bytes = sumBytes(tokens, this.#shape.hiddenSize);
    const { queue } = this.#gpu.device;
    queue.writeBuffer(this.#input, 0, input);
    queue.writeBuffer(this.#scales, 0, scales);
    this.#call.begin(tokens);
    const encoder = this.#gpu.device.createCommandEncoder();
    encoder.clearBuffer(this.#sums, 0, bytes);
    const pass = encoder.beginComputePass();
    this.#layers.encode(pass, layer, tokens, tiles);
    pass.end();
    this.#readback.submit(encoder, [{ buffer: this.#sums, offset: 0, bytes }]);
  }

  /** What the call of `begin` has added up. @throws HearthError GPU_LOST */
  async sums(tokens: number): Promise<GpuFfnSums> {
    const { hiddenSize } = this.#shape;
    const words = await this.#readback.take(sumBytes(tokens, hiddenSize), this.#delays.of(tokens));
    const values = tokens * hiddenSize;
    return {
      flags: this.#call.flags(words[0]!),
      fine: new Int32Array(words.buffer, 4, values),
      coarse: new Int32Array(words.buffer, 4 + values * 4, values),
    };
  }

  close(): void {
    this.#layers.close();
    for (const buffer of [this.#input, this.#scales, this.#sums, this.#call.buffer]) buffer.destroy();
    this.#readback.close();
  }
}
