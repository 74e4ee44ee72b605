import type { Gpu } from './gpu.ts';
import type { MappingDelay } from './mapping-delay.ts';
import { Watchdog } from './watchdog.ts';

/** What waits for a GPU: a clock, and a wait that is no busy loop for others. */
export interface GpuClock {
  nowMs(): number;
  /** Settles after about so long; of 0 ms as soon as other work has had its turn. */
  wait(milliseconds: number): Promise<void>;
}

/** A part of a buffer, of whole words. */
export interface BufferPart {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Brings words back from a GPU, by one buffer that is mapped again and again. */
export class Readback {
  readonly #gpu: Gpu;
  readonly #clock: GpuClock;
  readonly #buffer: GPUBuffer;
  readonly #watchdog: Watchdog;

  constructor(gpu: Gpu, clock: GpuClock, bytes: number) {
    this.#gpu = gpu;
    this.#clock = clock;
    this.#watchdog = new Watchdog(clock);
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    this.#buffer = gpu.device.createBuffer({ size: bytes, usage });
  }

  /** Submits work, behind which copies of parts of its buffers come into this one, in their order. */
  submit(encoder: GPUCommandEncoder, parts: readonly BufferPart[]): void {
    let to = 0;
    for (const { buffer, offset, bytes } of parts) {
      encoder.copyBufferToBuffer(buffer, offset, this.#buffer, to, bytes);
      to += bytes;
    }
    this.#gpu.device.queue.submit([encoder.finish()]);
  }

  /**
   * The words, a copy.
   * @param delay when to ask for what was submitted, and how long to wait for it
   * @throws HearthError GPU_LOST, also where the GPU just does not answer
   */
  async take(bytes: number, delay: MappingDelay): Promise<Uint32Array> {
    await delay.pass(this.#clock);
    const askedMs = this.#clock.nowMs();
    const { patienceMs } = delay;
    try {
      const mapped = this.#buffer.mapAsync(GPUMapMode.READ, 0, bytes).then(() => true);
      if (!(await this.#watchdog.watch(mapped, patienceMs))) throw this.#gpu.giveUp(patienceMs);
    } catch (error) {
      // That the device is lost may be told later.
      throw this.#gpu.fail(error instanceof Error ? error.message : 'a result cannot be read');
    }
    delay.mapped(askedMs, this.#clock.nowMs());
    const words = new Uint32Array(this.#buffer.getMappedRange(0, bytes)).slice();
    this.#buffer.unmap();
    this.#gpu.check();
    return words;
  }

  close(): void {
    this.#buffer.destroy();
  }
}
