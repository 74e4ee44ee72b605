import { Gpu } from '../../runtime/gpu/gpu.ts';
import { type Operations, operations } from './operations.ts';

/** Runs operations, on a device that has and on one that has not the dot product of bytes: each as long as it lives. */
export class GpuDesk {
  readonly #entry: GPU;
  readonly #gpus = new Map<boolean, Gpu>();

  constructor(entry: GPU) {
    this.#entry = entry;
  }

  async gpu(packedDots: boolean): Promise<Gpu | undefined> {
    const known = this.#gpus.get(packedDots);
    if (known && !known.isLost) return known;
    const opened = await Gpu.open(this.#entry);
    if (!opened) return undefined;
    const gpu = packedDots ? opened : new Gpu(opened.device, false);
    this.#gpus.set(packedDots, gpu);
    return gpu;
  }

  async run(name: keyof Operations, job: unknown, packedDots: boolean): Promise<unknown> {
    const gpu = await this.gpu(packedDots);
    if (!gpu) throw new Error('there is no WebGPU adapter');
    return operations[name](gpu, job as never);
  }

  async close(): Promise<void> {
    for (const gpu of this.#gpus.values()) gpu.close();
    await Promise.all([...this.#gpus.values()].map(({ device }) => device.lost));
  }
}
