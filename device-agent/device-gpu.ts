import { type Lend, type Lending, type LendWhole, lendTo } from '../runtime/decoder/lending.ts';
import type { Gpu } from '../runtime/gpu/gpu.ts';
import { measureKernel, measureSync } from '../runtime/gpu/rates/gpu-rates.ts';
import type { GpuClock } from '../runtime/gpu/readback.ts';
import { rowProducts } from '../runtime/gpu/wgsl/row-products.ts';
import type { KernelFormatName } from '../runtime/kernels/formats.ts';
import { DeviceTimes } from '../runtime/plan/device-times.ts';
import type { DeviceProfile, GpuProfile, KernelRates } from '../runtime/plan/profiles.ts';
import { modelWork } from '../runtime/plan/workload.ts';
import type { DeviceRates } from '../runtime/protocol/probe-messages.ts';
import { tileSpecs } from '../runtime/tile/spec.ts';
import type { RankSetup } from './create-rank.ts';
import type { GpuWishes } from './gpu-wishes.ts';
import type { Logger } from './logger.ts';
import type { MeasureDevice, MeasureJob, MeasureRequest } from './probe/measure.ts';
import { whereFaster, whereRoom } from './whole-layers.ts';

export interface DeviceGpuOptions extends GpuWishes {
  readonly clock: GpuClock;
  readonly logger: Logger;
  /** Of the processor. */
  readonly threads: number;
  /** What the memories of ranks may take. */
  readonly rankBytes: number;
}

/** Of what ranks may take, where nobody has said what may lie on a GPU: it may have no memory of its own. */
const gpuShare = 1 / 2;

/**
 * A device's GPU, from the join to the end: it is measured, and lent what that makes worth it. Once it is lost, or has
 * stopped to answer, it is left alone.
 */
export class DeviceGpu {
  readonly #gpu: Gpu;
  readonly #options: DeviceGpuOptions;
  #measuring: Promise<GpuProfile> | undefined;

  constructor(gpu: Gpu, options: DeviceGpuOptions) {
    this.#gpu = gpu;
    this.#options = options;
  }

  get name(): string {
    return this.#gpu.name;
  }

  /**
   * What was measured of the device's processor, with its GPU: one after the other, so that neither disturbs the other.
   * A rank that comes meanwhile does not end it, for a driver may compile for longer than a newcomer is waited for; but it
   * is not ready before.
   */
  async measured(rates: DeviceRates, { formats }: MeasureJob): Promise<DeviceRates> {
    if (this.#gpu.isLost) return rates;
    try {
      this.#measuring = this.#measure(formats);
      return { ...rates, gpu: await this.#measuring };
    } catch (error) {
      this.#lost(error);
      return rates;
    } finally {
      this.#measuring = undefined;
    }
  }

  /** What a device tells: of a GPU that is lost nothing any more. */
  telling(measure: MeasureDevice): MeasureDevice {
    return async (request, signal) => {
      const { gpu, ...rates } = await measure(request, signal);
      // What may lie on it is not measured.
      return gpu && !this.#gpu.isLost ? { ...rates, gpu: { ...gpu, memoryBytes: this.#memoryBytes } } : rates;
    };
  }

  /**
   * What of a rank's tiles to lend.
   * @param measure of the device, this GPU included
   * @param spareBytes that the rank has left of the memory for ranks
   * @returns undefined where it is nothing
   */
  async lending(setup: RankSetup, measure: MeasureDevice, spareBytes: number): Promise<Lend | undefined> {
    const { description, options, assignment } = setup;
    const specs = tileSpecs(description);
    const own = assignment.tileIds.map((id) => specs[id]!).filter(({ kind }) => kind === 'ffn');
    const sections = own.flatMap((spec) => spec.sections.map(({ format }) => format));
    const formats = [...new Set(sections.filter((format) => format !== 'vector'))];
    if (formats.length === 0) return undefined;
    await this.#whenMeasured();
    const { clock, use, memoryBytes = Math.min(spareBytes, this.#memoryBytes) } = this.#options;
    const ownBytes = own.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const roomShare = Math.min(1, Math.max(0, memoryBytes) / ownBytes);
    const lend = (tiles: Lending['tiles'], layers: LendWhole) =>
      lendTo({ gpu: this.#gpu, clock, tiles, layers, onLost: (error) => this.#lost(error) });
    if (use === 'always') return lend((_, held) => Math.floor(held * roomShare), whereRoom(memoryBytes));
    const device = await this.#device({ formats, kvFormat: options.kvFormat, fresh: false }, measure);
    if (!device) return undefined;
    const work = modelWork(description, options);
    const times = new DeviceTimes(work, device, roomShare);
    const tiles = (layer: number, held: number, tokens: number) =>
      times.gpuTiles(2 * layer + 1, held, tokens);
    return lend(tiles, whereFaster(memoryBytes, times, work));
  }

  close(): void {
    this.#gpu.close();
  }

  /** As plans see it. @returns undefined where it cannot be measured, or has no GPU any more */
  async #device(request: MeasureRequest, measure: MeasureDevice): Promise<DeviceProfile | undefined> {
    const { threads, rankBytes, logger } = this.#options;
    try {
      const rates = await this.telling(measure)(request, new AbortController().signal);
      if (!rates.gpu || Object.keys(rates.kernels).length === 0) return undefined;
      return { ...rates, name: '', threads, memoryBytes: rankBytes, link: undefined };
    } catch (error) {
      logger.warn({ error }, 'this device could not be measured: its GPU computes nothing');
      return undefined;
    }
  }

  get #memoryBytes(): number {
    const { memoryBytes, rankBytes } = this.#options;
    return Math.floor(memoryBytes ?? rankBytes * gpuShare);
  }

  async #measure(formats: readonly KernelFormatName[]): Promise<GpuProfile> {
    const { clock } = this.#options;
    const syncMs = await measureSync(this.#gpu, clock);
    const kernels: Partial<Record<KernelFormatName, KernelRates>> = {};
    for (const format of formats)
      if (rowProducts[format]) kernels[format] = await measureKernel(this.#gpu, clock, format);
    return { name: this.name, memoryBytes: this.#memoryBytes, syncMs, kernels };
  }

  /** What is measured is then remembered, and need not be measured again. */
  async #whenMeasured(): Promise<void> {
    await this.#measuring?.catch(() => {});
    await this.#options.clock.wait(0);
  }

  #lost(error: unknown): void {
    this.#options.logger.warn({ error }, 'the GPU is given up: the processor computes all from now on');
  }
}
