import type { Gpu } from './gpu.ts';

/** What is left of a word beside the flags. */
const mostSerial = 2 ** 30 - 1;

/** What all programs of a call see of it. */
export class GpuCall {
  readonly buffer: GPUBuffer;
  readonly #gpu: Gpu;
  #serial = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.buffer = gpu.uniform([0, 0]);
  }

  /** The next one. */
  begin(tokens: number): void {
    this.#serial = (this.#serial + 1) & mostSerial;
    this.#gpu.device.queue.writeBuffer(this.buffer, 0, Uint32Array.of(tokens, this.#serial));
  }

  /**
   * What `addPartial` has flagged, from the first word of the sums.
   * @throws HearthError GPU_LOST where the word is not this call's: what a GPU left out shows, whenever its errors are told
   */
  flags(word: number): number {
    if (word >>> 2 !== this.#serial) throw this.#gpu.fail('it left out what it was given to compute');
    return word & 3;
  }
}
